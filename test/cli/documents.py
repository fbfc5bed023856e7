# SPDX-License-Identifier: MIT
"""The man page and the completions name what the program has: every verb and option of --help,
and nothing else. What `cmake --install` leaves works from where it is."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

FAILED = []


def need(condition, *words):
    if not condition:
        FAILED.append(" ".join(map(str, words)))


def output(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, **more).stdout.decode()


def verbs_of(tracectl):
    section = output(tracectl, "--help").split("Subcommands:")[1].split("\n\n")[0]
    return re.findall(r"^  (\w+) ", section, re.M)


def options_of(tracectl, *verb):
    section = output(tracectl, *verb, "--help").split("Options:")[1].split("\n\n")[0]
    return {word for line in re.findall(r"^  (-\S+)", section, re.M) for word in line.split("=")[0].split(",")}


def words_in(text):
    """Options that a text names, however it writes them."""
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))


def man_page(source, options):
    with open(os.path.join(source, "docs/tracectl.1"), encoding="utf-8") as file:
        text = file.read()
    named = set()
    for line in text.splitlines():
        if line.startswith((".It Fl", ".Fl", ".Op Fl", ".Nm")) or " Fl " in line:
            named |= {"-" + word for word in re.findall(r"Fl (-?[a-z][a-z-]*)", line)}
            named |= {"--" + word for word in re.findall(r"\| -([a-z-]+)", line)}
    sections = {verb: body for verb, body in re.findall(r"^\.Ss tracectl (\w+)[^\n]*\n(.*?)(?=^\.S[sh] )", text, re.M | re.S)}
    for verb, wanted in options.items():
        if verb:
            need(verb in sections, f"the man page has no section of {verb}")
        for option in wanted:
            need(option in named, f"the man page does not name {option} of {verb or 'tracectl'}")
    known = set().union(*options.values())
    need(named <= known | {"-i"}, "the man page names what there is not:", sorted(named - known))
    for verb in options:
        own = {"-" + word for word in re.findall(r"Fl (-?[a-z][a-z-]*)", sections.get(verb, ""))}
        shared = options["check"] if verb == "run" else set()
        missing = options[verb] - own - shared - {"-h", "--help"} if verb else set()
        need(not missing, f"the man page's section of {verb} lacks {sorted(missing)}")


def file_names_all(path, verbs, options, short):
    """zsh and fish: every verb and every option stands in the file, and no other."""
    with open(path, encoding="utf-8") as file:
        text = "\n".join(line for line in file if not line.lstrip().startswith("#"))
    for verb in verbs:
        need(re.search(rf"\b{verb}\b", text), f"{path} does not name {verb}")
    text = "\n".join(line for line in text.splitlines() if not short or line.startswith("complete"))
    long_words = set(re.findall(short, text)) if short else {w for w in words_in(text) if w.startswith("--")}
    long_words = {w if w.startswith("--") else "--" + w for w in long_words}
    known = {o for each in options.values() for o in each if o.startswith("--")}
    need(known <= long_words, f"{path} lacks", sorted(known - long_words))
    need(long_words <= known, f"{path} names what there is not:", sorted(long_words - known))


def bash_offers(source, *words):
    """What bash completion offers for the last of the words."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tracectl 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    text = output("bash", "-c", script, "bash", os.path.join(source, "cli/completions/tracectl.bash"), "tracectl", *words)
    return set(text.split())


def bash_completion(source, verbs, options):
    need(bash_offers(source, "") == set(verbs), "bash offers as verbs:", bash_offers(source, ""))
    need(bash_offers(source, "re") == {"report", "repair"}, "bash offers for re:", bash_offers(source, "re"))
    for verb, wanted in options.items():
        offered = bash_offers(source, *([verb] if verb else []), "-")
        wanted = {o for o in wanted if o.startswith("--")}
        need(offered == wanted, f"bash offers for {verb or 'tracectl'} -: {sorted(offered)}, wanted {sorted(wanted)}")
    need(bash_offers(source, "run", "--machine", "") == {"auto", "kernel", "emulated"}, "machines")
    need(bash_offers(source, "check", "--scope", "k") == {"kernel"}, "scopes")
    need(bash_offers(source, "script", "") == {"calls", "branches", "instructions", "packets"}, "script's words")
    need(bash_offers(source, "script", "--tid", "5", "pa") == {"packets"}, "script's words behind an option")
    need(bash_offers(source, "list", "tr") == {"tracepoints", "triggers"}, "list's words")
    need("docs" in bash_offers(source, "info", os.path.join(source, "do")) or
         any(w.endswith("/docs") for w in bash_offers(source, "info", os.path.join(source, "do"))), "files")


def shells_take(source):
    for shell, name in (("bash", "tracectl.bash"), ("zsh", "_tracectl"), ("fish", "tracectl.fish")):
        if not shutil.which(shell):
            print(f"note: no {shell} here; {name} is not parsed")
            continue
        done = subprocess.run([shell, "-n", os.path.join(source, "cli/completions", name)], check=False)
        need(done.returncode == 0, f"{shell} -n {name}: status {done.returncode}")


def installed(build):
    with tempfile.TemporaryDirectory(prefix="tracectl-test-") as prefix:
        subprocess.run(["cmake", "--install", build, "--prefix", prefix], stdout=subprocess.DEVNULL, check=True)
        for path in ("bin/tracectl", "lib/tracectl/tracectl-qemu-plugin.so", "share/man/man1/tracectl.1",
                     "share/bash-completion/completions/tracectl", "share/zsh/site-functions/_tracectl",
                     "share/fish/vendor_completions.d/tracectl.fish", "share/tracectl/plan.schema.json"):
            need(os.path.isfile(os.path.join(prefix, path)), f"{path} is not installed")
        env = {k: v for k, v in os.environ.items() if k != "TRACECTL_PLUGIN"}
        done = subprocess.run([os.path.join(prefix, "bin/tracectl"), "doctor"], stdout=subprocess.PIPE, env=env, check=False)
        need(os.path.join(prefix, "lib/tracectl").encode() in done.stdout or b"tracectl-qemu-plugin.so" not in done.stdout,
             "the installed program does not find its plugin:", done.stdout.decode())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--source", required=True)
    where = parser.parse_args()
    tracectl = os.path.join(where.build, "tracectl")
    verbs = verbs_of(tracectl)
    need(len(verbs) >= 10, "verbs:", verbs)
    options = {verb: options_of(tracectl, verb) for verb in verbs}
    options[""] = options_of(tracectl)
    man_page(where.source, options)
    completions = os.path.join(where.source, "cli/completions")
    file_names_all(os.path.join(completions, "_tracectl"), verbs, options, None)
    file_names_all(os.path.join(completions, "tracectl.fish"), verbs, options, r" -l ([a-z][a-z-]*)")
    bash_completion(where.source, verbs, options)
    shells_take(where.source)
    installed(where.build)
    for line in FAILED:
        print("FAILED:", line)
    print(f"{len(verbs)} verbs, {sum(map(len, options.values()))} options")
    sys.exit(1 if FAILED else 0)


if __name__ == "__main__":
    main()
