#pragma once

namespace holdfast::app {

/// No core dump and no other process of this user may show our memory, which holds secrets; a
/// closed pipe and a file size limit are errors of a call, not the end of the process.
/// Errors: io when the kernel refuses.
void harden_process();

}  // namespace holdfast::app
