#include "lies.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace holdfast::restore {

namespace {

using Infos = std::vector<storage::ObjectInfo>;

std::vector<std::string> names(const Objects& objects, const std::string& prefix) {
  std::vector<std::string> found;
  for (const auto& [name, bytes] : objects) {
    if (name.starts_with(prefix)) found.push_back(name);
  }
  return found;
}

/// All copies of the format, else the first object of a folder.
std::set<std::string> victims(const Objects& objects, const std::string& prefix) {
  const auto all = names(objects, prefix);
  if (prefix == "format") return {all.begin(), all.end()};
  return {all.at(0)};
}

/// The records of the state `later` that `earlier` does not have.
std::set<std::string> added(const Objects& earlier, const Objects& later,
                            const std::string& prefix) {
  std::set<std::string> found;
  for (const auto& name : names(later, prefix)) {
    if (!earlier.contains(name)) found.insert(name);
  }
  return found;
}

void hide(LyingStore& store, const std::set<std::string>& hidden) {
  store.lies.listing = [hidden](Infos& all) {
    std::erase_if(all, [&](const auto& info) { return hidden.contains(info.name); });
  };
  store.lies.alias = [hidden](const std::string& name) {
    return hidden.contains(name) ? std::string("nothing") : name;
  };
}

void swap_names(LyingStore& store, const std::string& one, const std::string& other) {
  std::swap(store.objects.at(one), store.objects.at(other));
}

void add_rollbacks(std::vector<Lie>& lies) {
  for (const std::size_t state : {0U, 1U, 2U, 3U}) {
    lies.push_back(
        {fmt::format("rollback to state {}", state),
         [state](LyingStore& store, const Scene& scene) { store.objects = scene.states[state]; },
         "rolled back", true});
    lies.push_back({fmt::format("a listing of state {}", state),
                    [state](LyingStore& store, const Scene& scene) {
                      const auto old = scene.states[state];
                      store.lies.listing = [old](Infos& all) {
                        std::erase_if(all, [&](const auto& i) { return !old.contains(i.name); });
                      };
                    },
                    "", true});
    lies.push_back({fmt::format("records of state {}", state),
                    [state](LyingStore& store, const Scene& scene) {
                      auto hidden = added(scene.states[state], store.objects, "snapshots/");
                      hidden.merge(added(scene.states[state], store.objects, "deletions/"));
                      hide(store, hidden);
                    },
                    "rolled back", true});
  }
  lies.push_back({"no records at all",
                  [](LyingStore& store, const Scene&) {
                    std::erase_if(store.objects, [](const auto& object) {
                      return object.first.starts_with("snapshots/") ||
                             object.first.starts_with("deletions/");
                    });
                  },
                  "snapshots/", true});
  lies.push_back({"a forgotten snapshot back, and its deletion record gone",
                  [](LyingStore& store, const Scene& scene) {
                    for (const auto& [name, bytes] : scene.states[3])
                      store.objects.emplace(name, bytes);
                    hide(store, added(scene.states[3], scene.states.back(), "deletions/"));
                  },
                  "deletions/", true});
  lies.push_back({"a forgotten snapshot back",
                  [](LyingStore& store, const Scene& scene) {
                    for (const auto& [name, bytes] : scene.states[3])
                      store.objects.emplace(name, bytes);
                  },
                  "", false});
}

void add_hidden(std::vector<Lie>& lies) {
  for (const std::string prefix :
       {"format", "keys/", "snapshots/", "deletions/", "index/", "packs/"}) {
    lies.push_back(
        {"hidden " + prefix,
         [prefix](LyingStore& store, const Scene&) { hide(store, victims(store.objects, prefix)); },
         prefix == "format" ? "no repository" : "", prefix == "deletions/"});
    lies.push_back({"all hidden " + prefix,
                    [prefix](LyingStore& store, const Scene&) {
                      const auto all = names(store.objects, prefix);
                      hide(store, {all.begin(), all.end()});
                    },
                    "", prefix == "deletions/" || prefix == "snapshots/"});
  }
  lies.push_back({"only the first copy of the format hidden",
                  [](LyingStore& store, const Scene&) { hide(store, {"format"}); }, "format",
                  false});
}

/// Lies about the bytes of one object of each kind.
void add_bytes(std::vector<Lie>& lies, const std::string& prefix) {
  const auto about = [&](const std::string& what, const std::string& named, auto change) {
    lies.push_back({what + " " + prefix,
                    [prefix, change](LyingStore& store, const Scene& scene) {
                      const auto chosen = victims(store.objects, prefix);
                      change(store, scene,
                             [chosen](const std::string& name) { return chosen.contains(name); });
                    },
                    named, false});
  };
  about("half of", prefix, [](LyingStore& store, const Scene&, auto is_victim) {
    store.lies.reading = [is_victim](const auto& name, auto, std::size_t count) {
      return is_victim(name) ? count / 2 : count;
    };
  });
  about("zeros for", prefix, [](LyingStore& store, const Scene&, auto is_victim) {
    store.lies.reading = [is_victim](const auto& name, base::MutableBytes into, std::size_t count) {
      if (is_victim(name)) std::ranges::fill(into.first(count), std::byte{0});
      return count;
    };
  });
  about("a flipped bit in", prefix, [](LyingStore& store, const Scene&, auto is_victim) {
    store.lies.reading = [is_victim](const auto& name, base::MutableBytes into, std::size_t count) {
      if (is_victim(name) && count > 0) into[count / 2] ^= std::byte{1};
      return count;
    };
  });
  about("an endless body of", "", [](LyingStore& store, const Scene&, auto is_victim) {
    store.lies.reading = [is_victim](const auto& name, base::MutableBytes into, std::size_t count) {
      if (!is_victim(name)) return count;
      std::ranges::fill(into.subspan(count), std::byte{0x5a});
      return into.size();
    };
  });
  // Objects that are read whole end where they end, whatever their size is said to be.
  const auto believed = prefix == "packs/" ? prefix : "";
  about("an endless size of", believed, [](LyingStore& store, const Scene&, auto is_victim) {
    store.lies.size = [is_victim](const auto& name, std::uint64_t size) {
      return is_victim(name) ? std::uint64_t{1} << 62 : size;
    };
  });
  about("a size that is one less of", believed,
        [](LyingStore& store, const Scene&, auto is_victim) {
          store.lies.size = [is_victim](const auto& name, std::uint64_t size) {
            return is_victim(name) ? size - 1 : size;
          };
        });
  about("another repository's", prefix == "packs/" || prefix == "index/" ? prefix : "",
        [prefix](LyingStore& store, const Scene& scene, auto is_victim) {
          const auto foreign = scene.other.at(names(scene.other, prefix).at(0));
          for (auto& [name, bytes] : store.objects) {
            if (is_victim(name)) bytes = foreign;
          }
        });
}

void add_swaps(std::vector<Lie>& lies) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"snapshots/", "snapshots/"}, {"packs/", "packs/"},       {"index/", "index/"},
      {"packs/", "index/"},         {"snapshots/", "keys/"},    {"index/", "snapshots/"},
      {"deletions/", "snapshots/"}, {"format.2", "snapshots/"},
  };
  for (const auto& [one, other] : pairs) {
    lies.push_back({"swapped " + one + " and " + other,
                    [one, other](LyingStore& store, const Scene&) {
                      swap_names(store, names(store.objects, one).front(),
                                 names(store.objects, other).back());
                    },
                    other == "keys/" || other == "index/" ? other : one, false});
    lies.push_back({"the last of " + other + " served for the first of " + one,
                    [one, other](LyingStore& store, const Scene&) {
                      const auto asked = names(store.objects, one).front();
                      const auto served = names(store.objects, other).back();
                      store.lies.alias = [asked, served](const std::string& name) {
                        return name == asked ? served : name;
                      };
                    },
                    one, false});
  }
}

void add_listings(std::vector<Lie>& lies) {
  const auto listing = [&](const std::string& name, const std::string& named, auto change) {
    lies.push_back({name,
                    [change](LyingStore& store, const Scene&) { store.lies.listing = change; },
                    named, false});
  };
  listing("a reversed listing", "", [](Infos& all) { std::ranges::reverse(all); });
  listing("everything listed twice", "", [](Infos& all) {
    const auto once = all;
    all.insert(all.end(), once.begin(), once.end());
  });
  listing("names that are none", "snapshots/rubbish", [](Infos& all) {
    all.push_back({"snapshots/rubbish", 10});
    all.push_back({"packs/zz/rubbish", 10});
    all.push_back({"index/../../etc/passwd", 10});
  });
  listing("a snapshot that is not there", "",
          [](Infos& all) { all.push_back({"snapshots/" + std::string(64, '7'), 1000}); });
  listing("a pack that is not there", "",
          [](Infos& all) { all.push_back({"packs/77/" + std::string(64, '7'), 1'000'000}); });
  listing("ten thousand key slots", "", [](Infos& all) {
    for (int i = 0; i < 10'000; ++i)
      all.push_back({fmt::format("keys/{:016x}", i), 300});
  });
  listing("sizes of zero", "", [](Infos& all) {
    for (auto& info : all)
      info.size = 0;
  });
  for (const std::string prefix : {"snapshots/", "index/", "packs/"}) {
    lies.push_back({"a second name for one of " + prefix,
                    [prefix](LyingStore& store, const Scene&) {
                      const auto first = names(store.objects, prefix).front();
                      auto second = first;
                      second.back() = second.back() == '0' ? '1' : '0';
                      store.objects[second] = store.objects.at(first);
                    },
                    prefix, false});
  }
}

}  // namespace

std::vector<Lie> all_lies() {
  std::vector<Lie> lies;
  add_rollbacks(lies);
  add_hidden(lies);
  for (const auto* prefix : {"format", "keys/", "snapshots/", "index/", "packs/"})
    add_bytes(lies, prefix);
  add_swaps(lies);
  add_listings(lies);
  lies.push_back({"writes that are swallowed",
                  [](LyingStore& store, const Scene&) { store.lies.swallows_writes = true; }, "",
                  false});
  lies.push_back({"writes that were there already",
                  [](LyingStore& store, const Scene&) { store.lies.claims_to_have = true; }, "",
                  false});
  return lies;
}

}  // namespace holdfast::restore
