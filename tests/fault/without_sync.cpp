// A disk that only pretends to keep things: preloaded, it makes nothing durable and says that it
// did.

extern "C" {
int fsync(int) { return 0; }
int fdatasync(int) { return 0; }
int syncfs(int) { return 0; }
}
