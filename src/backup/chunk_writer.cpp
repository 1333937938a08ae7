#include "chunk_writer.hpp"

namespace holdfast::backup {

ChunkWriter::ChunkWriter(const RunContext& run) : run_(run), codec_(run.compression_level) {}

base::ChunkId ChunkWriter::put(base::ByteView chunk) {
  return put_into(data_, pipeline::PackKind::data, chunk);
}

base::ChunkId ChunkWriter::put_stream(base::ByteView chunk) {
  return put_into(stream_, pipeline::PackKind::stream, chunk);
}

void ChunkWriter::put_content(base::ByteView content, std::vector<base::ChunkId>& ids) {
  if (content.empty()) return;
  if (content.size() <= run_.file_gear.sizes().min) {
    ids.push_back(put(content));
    return;
  }
  ends_.clear();
  pipeline::cut_all(run_.file_gear, content, ends_);
  std::uint32_t begin = 0;
  for (const auto end : ends_) {
    ids.push_back(put(content.subspan(begin, end - begin)));
    begin = end;
  }
}

base::ChunkId ChunkWriter::put_into(pipeline::SegmentBuilder& segment, pipeline::PackKind kind,
                                    base::ByteView chunk) {
  const auto id = run_.repository.keys().chunk_id(chunk);
  if (run_.session == nullptr || !run_.session->claim(id)) return id;
  if (segment.should_seal_before(chunk.size())) seal(segment, kind);
  segment.add(id, chunk);
  return id;
}

void ChunkWriter::seal(pipeline::SegmentBuilder& segment, pipeline::PackKind kind) {
  if (segment.empty()) return;
  run_.session->store(kind, segment, codec_);
}

void ChunkWriter::flush() {
  seal(data_, pipeline::PackKind::data);
  seal(stream_, pipeline::PackKind::stream);
}

}  // namespace holdfast::backup
