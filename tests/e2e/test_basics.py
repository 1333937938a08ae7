"""Help, usage errors, JSON errors, passphrases, locations, version, completion."""

import os
import subprocess

from program import (ACCESS_DENIED, ALREADY_EXISTS, NOT_FOUND, PASSPHRASE, UNSUPPORTED, USAGE,
                     WRONG_KEY, ProgramTest)

COMMANDS = ("init", "backup", "snapshots", "ls", "restore", "cat", "diff", "find", "stats",
            "forget", "check", "repair", "version", "completion")


class Help(ProgramTest):
    def test_every_command_explains_itself_with_an_example(self):
        overview = self.run_program("help").text
        for command in COMMANDS:
            self.assertIn(f"  {command} ", overview)
            text = self.run_program("help", command).text
            self.assertEqual(text, self.run_program(command, "--help").text)
            self.assertIn("Examples:\n", text)
            self.assertIn(f"holdfast {command}", text)

    def test_no_command_shows_the_help(self):
        self.assertIn("Subcommands:", self.run_program().text)

    def test_version(self):
        self.assertRegex(self.run_program("version").text, r"^holdfast \d+\.\d+\.\d+ \(")
        self.assertEqual(self.run_program("--version").text, self.run_program("version").text)
        self.assertEqual(self.run_program("version", "--json").json["format_version"], 1)


class Usage(ProgramTest):
    def test_a_slip_is_answered_with_what_was_meant(self):
        for arguments, hint in ((("bakcup",), "'backup'"),
                                (("backup", "--exlude", "x"), "'--exclude'")):
            result = self.run_program(*arguments, expect=USAGE)
            self.assertIn("holdfast: error: ", result.err)
            self.assertIn(f"hint: did you mean {hint}", result.err)
            self.assertEqual(result.out, b"")

    def test_errors_are_objects_with_json(self):
        error = self.run_program("backup", "--bogus", "--json", expect=USAGE).json["error"]
        self.assertEqual((error["kind"], error["exit_code"]), ("invalid_input", USAGE))
        error = self.run_program("snapshots", "--json", expect=NOT_FOUND).json["error"]
        self.assertEqual((error["kind"], error["exit_code"]), ("not_found", NOT_FOUND))
        self.assertTrue(error["message"] and error["hint"])

    def test_values_are_checked(self):
        for arguments in (("backup", "--compression-level", "99", self.source),
                          ("backup", "--max-file-size", "much", self.source),
                          ("backup", "--threads", "-1", self.source),
                          ("snapshots", "--progress", "loud"),
                          ("forget", "--keep-within", "sometimes"),
                          ("completion", "tcsh")):
            self.run_program(*arguments, expect=USAGE)

    def test_a_repository_must_be_named(self):
        result = self.run_program("snapshots", expect=USAGE, HOLDFAST_REPO=None)
        self.assertIn("HOLDFAST_REPO", result.err)

    def test_stores_that_are_not_there_yet_are_named_as_such(self):
        self.run_program("init", "--repo", "gopher://nas/holdfast", expect=UNSUPPORTED)


class Init(ProgramTest):
    def test_prints_a_sheet_without_the_passphrase(self):
        made = self.init()
        self.assertEqual(made["repository"], "file://" + self.repository)
        self.assertIn(made["id"], made["recovery_sheet"])
        self.assertNotIn(PASSPHRASE, made["recovery_sheet"])

    def test_writes_the_sheet_for_its_owner_only(self):
        self.run_program("init", "--passphrase-memory", "64KiB", "--recovery-sheet", "sheet.txt")
        self.assertEqual(os.stat(self.path("sheet.txt")).st_mode & 0o777, 0o600)

    def test_a_repository_is_never_made_over_another(self):
        self.init()
        self.run_program("init", expect=ALREADY_EXISTS)

    def test_the_location_may_be_an_argument(self):
        self.run_program("init", self.path("elsewhere"), "--passphrase-memory", "64KiB",
                         HOLDFAST_REPO=None)
        self.run_program("snapshots", "--repo", "file://" + self.path("elsewhere"))


class Passphrase(ProgramTest):
    def setUp(self):
        super().setUp()
        self.init()

    def test_from_a_command(self):
        self.run_program("snapshots", "--passphrase-command", f"printf '%s' '{PASSPHRASE}'",
                         HOLDFAST_PASSPHRASE_FILE=None)

    def test_from_a_file_descriptor(self):
        read_end, write_end = os.pipe()
        os.write(write_end, PASSPHRASE.encode() + b"\r\n")
        os.close(write_end)
        from program import BINARY
        completed = subprocess.run([BINARY, "snapshots", "--passphrase-fd", str(read_end)],
                                   pass_fds=[read_end], capture_output=True, check=False,
                                   env=self.environment(HOLDFAST_PASSPHRASE_FILE=None))
        os.close(read_end)
        self.assertEqual(completed.returncode, 0, completed.stderr)

    def test_wrong_one(self):
        wrong = self.write("wrong", b"something else\n")
        os.chmod(wrong, 0o600)
        result = self.run_program("snapshots", "--passphrase-file", wrong, expect=WRONG_KEY)
        self.assertEqual(result.err.count("\n") <= 2, True, result.err)

    def test_none_and_no_terminal(self):
        result = self.run_program("snapshots", expect=USAGE, HOLDFAST_PASSPHRASE_FILE=None)
        self.assertIn("--passphrase-file", result.err)

    def test_a_file_for_all_to_read_is_warned_about(self):
        os.chmod(self.passphrase_file, 0o644)
        self.assertIn("chmod 600", self.run_program("snapshots").err)

    def test_two_sources_contradict_each_other(self):
        self.run_program("snapshots", "--passphrase-file", self.passphrase_file,
                         "--passphrase-command", "true", expect=USAGE)


class Trust(ProgramTest):
    def test_a_configuration_that_everybody_may_write_is_not_believed(self):
        self.init()
        config = self.write("holdfast.yaml", b"passphrase_command: [touch, run]\n")
        os.chmod(config, 0o666)
        result = self.run_program("snapshots", HOLDFAST_PASSPHRASE_FILE=None, expect=ACCESS_DENIED)
        self.assertIn("--config", result.err)
        self.assertFalse(os.path.exists(self.path("run")))

    def test_verbose_errors_say_where(self):
        result = self.run_program("snapshots", "-v", expect=NOT_FOUND)
        self.assertRegex(result.err, r"at src/.*:\d+")

    def test_verbose_snapshots_name_their_items(self):
        self.init()
        self.backup()
        self.assertIn(f"    files {self.source}", self.run_program("snapshots", "-v").text)


class Completion(ProgramTest):
    def test_scripts_know_every_command(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.run_program("completion", shell).text
            for command in COMMANDS:
                self.assertIn(command, script)

    def test_bash_accepts_its_script(self):
        script = self.run_program("completion", "bash").text
        probe = (script + "\nCOMP_WORDS=(holdfast res); COMP_CWORD=1; _holdfast; "
                 "echo ${COMPREPLY[@]}\nCOMP_WORDS=(holdfast restore --in); COMP_CWORD=2; "
                 "_holdfast; echo ${COMPREPLY[@]}\n")
        answer = subprocess.run(["bash", "-c", probe], capture_output=True, check=True, text=True)
        self.assertEqual(answer.stdout.split("\n")[:2], ["restore", "--in-place --into-existing"])

    def test_names_of_sites_and_ids_of_snapshots(self):
        config = self.write("holdfast.yaml", b"sites: {blog: {files: [source]}}\n")
        sites = self.run_program("completion", "sites", HOLDFAST_CONFIG=config).text
        self.assertEqual(sites, "blog\n")
        self.init()
        taken = self.backup()["snapshot"]["id"]
        self.assertEqual(self.run_program("completion", "snapshots").text, taken[:8] + "\n")
        # A key press must never ask for a passphrase.
        self.assertEqual(
            self.run_program("completion", "snapshots", HOLDFAST_PASSPHRASE_FILE=None).out, b"")
