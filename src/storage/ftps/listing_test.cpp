#include "listing.hpp"

#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<ListedEntry> plain(const char* text) {
  return parse_plain_listing(base::as_bytes(text));
}
std::vector<ListedEntry> machine(const char* text) {
  return parse_machine_listing(base::as_bytes(text));
}

TEST(Listing, of_vsftpd_is_read) {
  EXPECT_THAT(plain("drwx------    2 106      109          4096 Nov 21 22:18 packs\r\n"
                    "-rw-------    1 106      109        100000 Nov 21 22:17 data\r\n"
                    "lrwxrwxrwx    1 0        0               3 Nov 21  2025 to -> data\r\n"),
              ElementsAre(ListedEntry{"packs", 4096, true}, ListedEntry{"data", 100'000, false}));
  EXPECT_THAT(plain(""), IsEmpty());
}

TEST(Listing, of_other_servers_is_read) {
  EXPECT_THAT(plain("total 12\n"
                    "drwxr-xr-x   2 ann      staff    512 Jan  1  2026 .\n"
                    "-rw-r--r--   1 ann            7 Mar 7 9:05  spaces in it \n"
                    "-rw-r--r--+  1 ann users 18446744073709551615 Dec 31 23:59 large\n"),
              ElementsAre(ListedEntry{" spaces in it ", 7, false},
                          ListedEntry{"large", UINT64_MAX, false}));
  EXPECT_THAT(plain("11-21-26  10:18PM       <DIR>          packs\r\n"
                    "11-21-2026  10:18PM            1024 a file\r\n"),
              ElementsAre(ListedEntry{"packs", 0, true}, ListedEntry{"a file", 1024, false}));
}

TEST(Listing, a_month_as_a_name_confuses_nobody) {
  EXPECT_THAT(plain("-rw-r--r--   1 512      may     512 Jan  1  2026 may\n"),
              ElementsAre(ListedEntry{"may", 512, false}));
}

TEST(Listing, a_line_that_is_not_understood_is_not_left_out) {
  for (const char* text :
       {"-rw-------    1 106      109        100000 Nov 21 22:17 data",  // it may have been cut
        "-rw-------    1 106      109        100000 Nov 21 22:17\n",
        "-rw-------    1 106      109        100000 Nov 21 22:17 \n",
        "-rw-------    1 106      109        100000 Nov 21 22:17 a/b\n",
        "-rw-------    1 106      109        99999999999999999999 Nov 21 22:17 a\n",
        "-rw-------    1 106      109        -1 Nov 21 22:17 a\n",
        "-rw-------    1 106      109        1 Foo 21 22:17 a\n",
        "-rw-------    1 106      109        1 Nov 212 22:17 a\n", "d\n", "ls: not found\n",
        "11-21-26  10:18PM  many a\n", "11-21-26  10:18PM  12\n"}) {
    EXPECT_THROW(plain(text), base::Error) << text;
  }
  EXPECT_THROW(plain((std::string(5000, 'a') + "\n").c_str()), base::Error);
}

TEST(Listing, for_machines_is_read) {
  EXPECT_THAT(machine("type=cdir;modify=20261121221744; .\r\n"
                      "Type=dir;modify=20261121221744;perm=el; packs\r\n"
                      "type=file;size=10;modify=20261121221744.123; a file\r\n"
                      "type=OS.unix=slink:/x;size=3; link\r\n"),
              ElementsAre(ListedEntry{"packs", 0, true}, ListedEntry{"a file", 10, false}));
  for (const char* text :
       {"type=file;size=10; a", "type=file; a\n", "type=file;size=x; a\n", "size=1; a\n",
        "type=file;size=1;\n", "type=file;size=1; a/b\n", "type=file;size; a\n", "\x01\n"}) {
    EXPECT_THROW(machine(text), base::Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::storage
