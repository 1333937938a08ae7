"""A clock that was set back: what is newer stays newer, and nothing good is dropped."""

from clocks import clock_at
from site_case import SiteTest


class Clock(SiteTest):
    def take_at(self, offset, content):
        """A snapshot of a changed site, with the clock moved by `offset`."""
        self.write("source/small", content)
        return self.back_up_again(**clock_at(self, offset))

    def test_order_and_latest(self):
        """The last one taken is the latest, whatever the clock said."""
        back = self.take_at("-30d", b"taken last, dated first\n")
        self.assertEqual({snapshot["id"] for snapshot in self.snapshots()}, {self.first, back})
        self.assert_nothing_lost()
        self.run_program("check")
        again = self.take_at("+0", b"and on\n")
        self.assertEqual(self.snapshots()[-1]["id"], again)
        self.assert_nothing_lost()

    def test_what_changed_while_the_clock_was_back_is_seen(self):
        self.take_at("-30d", b"while the clock was wrong\n")
        self.take_at("-30d", b"again, of the same length\n")
        self.take_at("+0", b"and right, the same length")
        self.assert_nothing_lost()

    def test_forget_keeps_the_good_ones(self):
        """A run in the far future must not make everything else look old enough to go."""
        good = [self.first, self.take_at("+0", b"second\n")]
        self.take_at("+3650d", b"from the future\n")
        report = self.run_program("forget", "--keep-within", "7d", "--keep-last", "2", "--dry-run",
                                  "--json").json
        kept = {snapshot["id"] for snapshot in self.snapshots()}
        self.assertLessEqual(set(good), kept)
        self.assertTrue(report)
        self.assert_nothing_lost()

    def test_1970_and_the_far_future(self):
        self.take_at("@1970-01-02 00:00:00", b"long ago\n")
        self.take_at("+20000d", b"far ahead\n")
        self.assert_nothing_lost()
