#include "large_file.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace holdfast::backup {

struct LargeFileReader::Stripe {
  std::uint64_t number = 0;
  std::uint64_t begin = 0;  // in the data stream
  std::uint64_t end = 0;
  base::Buffer bytes;  // `before` bytes of the stripe before, then its own
  std::size_t before = 0;
  std::vector<std::uint32_t> candidates;

  base::ByteView slice(std::uint64_t from, std::uint64_t to) const {
    return bytes.view().subspan(before + (from - begin), to - from);
  }
};

struct LargeFileReader::File {
  File(std::shared_ptr<sources::SourceFile> opened, DataExtents data, Done when_done,
       pipeline::ChunkSizes sizes)
      : file(std::move(opened)),
        extents(std::move(data)),
        done(std::move(when_done)),
        stripe_count((extents.length() + stripe_size - 1) / stripe_size),
        selector(sizes) {}

  const std::shared_ptr<sources::SourceFile> file;
  const DataExtents extents;
  const Done done;
  const std::uint64_t stripe_count;
  std::uint64_t issued = 0;  // stripes given to threads; guarded by the reader's mutex

  std::mutex mutex;                                        // guards all below
  std::map<std::uint64_t, std::shared_ptr<Stripe>> ready;  // read, waiting for their turn
  std::deque<std::shared_ptr<Stripe>> open;                // sequenced, with bytes not yet cut
  std::uint64_t next = 0;
  pipeline::CutSelector selector;
  std::uint64_t cut = 0;
  std::uint64_t end = 0;
  std::size_t parts = 1;  // chunks in work, and one for the sequencer itself
  bool ended = false;
  Result result;
};

LargeFileReader::LargeFileReader(WorkerPool& pool, const pipeline::Gear& gear, unsigned stripes_max)
    : pool_(pool), gear_(gear), stripes_free_(stripes_max) {}

LargeFileReader::~LargeFileReader() {
  // The files that are left drop stripes, and those look for more to read.
  std::deque<std::shared_ptr<File>> left;
  const std::lock_guard lock(mutex_);
  left.swap(waiting_);
}

void LargeFileReader::submit(std::shared_ptr<sources::SourceFile> file, DataExtents extents,
                             Done done) {
  HF_ASSERT(extents.length() > 0, "an empty file is not large");
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::make_shared<File>(std::move(file), std::move(extents), std::move(done),
                                              gear_.sizes()));
  }
  issue();
}

void LargeFileReader::issue() {
  const std::lock_guard lock(mutex_);
  while (stripes_free_ > 0 && !waiting_.empty()) {
    const auto file = waiting_.front();
    const auto number = file->issued++;
    if (file->issued == file->stripe_count) waiting_.pop_front();
    --stripes_free_;
    pool_.submit(Urgency::stripe,
                 [this, file, number](ChunkWriter&) { read_stripe(file, number); });
  }
}

std::shared_ptr<LargeFileReader::Stripe> LargeFileReader::make_stripe() {
  return {new Stripe(), [this](Stripe* stripe) {
            delete stripe;
            {
              const std::lock_guard lock(mutex_);
              ++stripes_free_;
            }
            issue();
          }};
}

void LargeFileReader::read_stripe(const std::shared_ptr<File>& file, std::uint64_t number) {
  auto stripe = make_stripe();
  stripe->number = number;
  stripe->begin = number * stripe_size;
  stripe->before = number == 0 ? 0 : pipeline::Gear::window;
  const auto length = std::min<std::uint64_t>(stripe_size, file->extents.length() - stripe->begin);
  stripe->bytes.reserve_discarding(stripe->before + length);
  try {
    const auto got = file->extents.read(*file->file, stripe->begin - stripe->before,
                                        stripe->bytes.all().first(stripe->before + length));
    stripe->bytes.set_size(got);
    stripe->end = stripe->begin + (got > stripe->before ? got - stripe->before : 0);
  } catch (const base::Error& error) {
    const std::lock_guard lock(file->mutex);
    if (file->result.error.empty()) {
      file->result.error = error.what();
      file->result.error_kind = error.kind();
    }
    stripe->bytes.set_size(0);
    stripe->end = stripe->begin;
  }
  if (stripe->end > stripe->begin) {
    const auto all = stripe->bytes.view();
    gear_.find_candidates(all.first(stripe->before), all.subspan(stripe->before),
                          stripe->candidates);
  }
  sequence(file, std::move(stripe));
}

void LargeFileReader::sequence(const std::shared_ptr<File>& file, std::shared_ptr<Stripe> stripe) {
  std::vector<std::shared_ptr<Stripe>> released;  // dropped after the lock: dropping issues more
  bool finished = false;
  {
    const std::lock_guard lock(file->mutex);
    file->ready.emplace(stripe->number, std::move(stripe));
    while (!file->ready.empty() && file->ready.begin()->first == file->next) {
      auto current = std::move(file->ready.begin()->second);
      file->ready.erase(file->ready.begin());
      ++file->next;
      std::vector<std::uint64_t> cuts;
      if (!file->ended) {
        std::vector<std::uint64_t> candidates;
        for (const auto at : current->candidates)
          candidates.push_back(current->begin + at);
        file->selector.advance(candidates, current->end, cuts);
        file->end = current->end;
        const bool is_short = current->end - current->begin < stripe_size;
        file->open.push_back(std::move(current));
        // The last stripe, or the file got shorter: what follows does not join on.
        file->ended = is_short || file->next == file->stripe_count;
        if (file->ended) file->selector.finish(file->end, cuts);
        dispatch(file, cuts);
      }
      while (!file->open.empty() && file->open.front()->end <= file->cut) {
        released.push_back(std::move(file->open.front()));
        file->open.pop_front();
      }
      if (current) released.push_back(std::move(current));
      finished = file->next == file->stripe_count;
    }
  }
  released.clear();
  if (finished) finish_part(file);
}

void LargeFileReader::dispatch(const std::shared_ptr<File>& file,
                               const std::vector<std::uint64_t>& cuts) {
  for (const auto end : cuts) {
    const auto begin = std::exchange(file->cut, end);
    const auto which = file->result.chunks.size();
    file->result.chunks.emplace_back();
    ++file->parts;
    std::vector<std::shared_ptr<Stripe>> stripes;
    for (const auto& stripe : file->open)
      if (stripe->begin < end && stripe->end > begin) stripes.push_back(stripe);
    pool_.submit(Urgency::chunk, [this, file, begin, end, which,
                                  stripes = std::move(stripes)](ChunkWriter& writer) {
      base::ByteView chunk;
      if (stripes.size() == 1) {
        chunk = stripes.front()->slice(begin, end);
      } else {
        writer.scratch().reserve_discarding(end - begin);
        writer.scratch().clear();
        for (const auto& stripe : stripes)
          writer.scratch().append(
              stripe->slice(std::max(begin, stripe->begin), std::min(end, stripe->end)));
        chunk = writer.scratch().view();
      }
      const auto id = writer.put(chunk);
      {
        const std::lock_guard lock(file->mutex);
        file->result.chunks[which] = id;
        file->result.bytes += chunk.size();
      }
      finish_part(file);
    });
  }
}

void LargeFileReader::finish_part(const std::shared_ptr<File>& file) {
  {
    const std::lock_guard lock(file->mutex);
    if (--file->parts > 0) return;
  }
  file->done(std::move(file->result));
}

}  // namespace holdfast::backup
