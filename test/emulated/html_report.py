# SPDX-License-Identifier: MIT
"""`report --html`: the page of a capture whose names are hostile is well-formed, self-contained, tells the numbers
of `report --json`, and runs in a browser (where there is one) without an error."""
import html.parser
import json
import re
import shutil

from common import equal, main, need

# A function's name, as a symbol table may hold it: markup, quotes, an end of script, bytes that are no UTF-8.
HOSTILE = b"</script><img src=x onerror=\"alert('1')\">&\xff\xfe{{data}}"
TITLE = "</title><script>alert(1)</script> 'title' \\\" &amp;"
WINDOW = "</script><b onmouseover=alert(1)> & \\\"window\\\""
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(html.parser.HTMLParser):
    """Checks that elements nest; collects what the tests look at."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.links, self.values, self.tags, self.text, self.data = [], [], [], [], "", ""
        self.feed(text)
        self.close()
        equal("elements open at the end", self.open, [])

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            need(not name.startswith("on"), "an attribute that runs script:", tag, name)
            if name in ("src", "href", "action", "data-src"):
                self.links.append(value)
            if name == "data-value":
                self.values.append(value)
            if (name, value) == ("id", "data"):
                self.open.append("data")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        need(self.open and self.open[-1] == tag, f"</{tag}> ends", self.open[-1:])
        self.open.pop()
        if self.open[-1:] == ["data"]:
            self.open.pop()

    def handle_data(self, data):
        if self.open[-2:] == ["data", "script"]:
            self.data += data
        elif self.open[-1:] not in (["script"], ["style"]):
            self.text += data


def hostile_capture(bench):
    """Windows of a function under a hostile title and name; another function is called so."""
    if shutil.which("objcopy") is None or shutil.which("gcc") is None:
        return None
    with open(bench.path("hostile.c"), "w", encoding="ascii") as out:
        out.write("volatile int sink;\n"
                  "__attribute__((noinline)) void inner(int n) { for (int i = 0; i < n; ++i) sink += i; }\n"
                  "__attribute__((noinline)) void outer(int n) { inner(n); inner(2 * n); sink = 0; }\n"
                  "int main(void) { for (int i = 1; i < 30; ++i) outer(i); return 0; }\n")
    program = bench.path("hostile")
    done = bench.run(["gcc", "-O1", "-g", "-o", program, bench.path("hostile.c")])
    equal("gcc's status", done.returncode, 0)
    done = bench.run([b"objcopy", b"--redefine-sym", b"inner=" + HOSTILE, program.encode()])
    equal("objcopy's status", done.returncode, 0)
    plan = bench.path("plan.toml")
    with open(plan, "w", encoding="utf-8") as out:
        out.write(f'plan = 1\ntitle = "{TITLE}"\n[[window]]\nname = "{WINDOW}"\nfunction = "hostile:outer"\n')
    return bench.trace([program], [plan])


def page_of(bench, capture, *options, status=0):
    path = bench.path("report.html")
    bench.view("report", "--html", path, *options, capture, status=status)
    with open(path, encoding="utf-8") as text:  # strict: a page that is no UTF-8 fails here
        return path, text.read()


def check_windows(page, report):
    """The table's exact values are those of the JSON, in its order."""
    wanted = []
    for w in report["windows"]:
        wanted += [w[key] for key in ("count", "total_ns", "min_ns", "avg_ns", "max_ns", "stddev_ns", "instructions")]
    got = [float(v) for v in page.values[:len(wanted)]]
    need(len(got) == len(wanted) and all(abs(g - w) <= 1e-9 * abs(w) for g, w in zip(got, wanted)), "windows:", got, wanted)


def hostile(bench):
    capture = hostile_capture(bench)
    if capture is None:
        return "skipped: gcc and objcopy are needed"
    report = json.loads(bench.view("report", "--json", capture))
    equal("windows", report["windows"][0]["count"], 29)
    _, text = page_of(bench, capture)
    page = Page(text)
    equal("links", page.links, [])
    need("://" not in text, "the page names an address")
    equal("scripts", page.tags.count("script"), 2)
    equal("images and bold", [t for t in page.tags if t in ("img", "b")], [])
    check_windows(page, report)
    name = HOSTILE.decode(errors="replace")
    need(name in page.text, "the hostile function is not in the text")
    need(TITLE.replace('\\"', '"') in page.text, "nor the title")
    data = json.loads(page.data)
    need([name, "hostile"] in data["names"], "nor in the data:", data["names"])
    equal("windows in time", sum(len(lane["windows"]) for lane in data["timeline"]["lanes"]), 29)
    equal("their instructions", sum(w[4] for lane in data["timeline"]["lanes"] for w in lane["windows"]),
          report["windows"][0]["instructions"])
    equal("the flame graph's", data["flame"]["insns"], report["instructions"])
    equal("charted window", data["charts"][0]["window"], report["windows"][0]["max_window"])
    # Two calls of inner inside one of outer.
    equal("depths of the slowest window", [n[0] for n in data["charts"][0]["nodes"]][:3], [0, 1, 1])
    need("inner(2 * n)" in page.text, "no source excerpt")
    return None


def one_window(bench):
    capture = bench.trace([bench.program("windows"), "threads", "25"], ["--window", "function=windows:leaf"])
    _, text = page_of(bench, capture, "--window", "7")
    data = json.loads(Page(text).data)
    equal("threads", len(data["timeline"]["lanes"]), 4)
    equal("charted", [c["window"] for c in data["charts"]], [7])
    equal("its instructions", data["flame"]["insns"], data["charts"][0]["insns"])


def bounded(bench):
    """Many windows and calls: some thousand shapes, and the rest is counted."""
    capture = bench.trace([bench.program("windows"), "calls", "20000"], ["--window", "function=windows:leaf"])
    path, text = page_of(bench, capture)
    data = json.loads(Page(text).data)
    drawn = sum(len(lane["windows"]) for lane in data["timeline"]["lanes"])
    need(drawn <= 3000 and drawn + data["timeline"]["left_out"] == 20000, f"{drawn} windows drawn")
    capture = bench.trace([bench.program("windows"), "calls", "20000"])
    _, whole = page_of(bench, capture)
    data = json.loads(Page(whole).data)
    need(len(data["flame"]["nodes"]) <= 2400, "nodes:", len(data["flame"]["nodes"]))
    need(len(text) < 600000 and len(whole) < 600000, "bytes:", len(text), len(whole))
    need(path, "no page")


def loss(bench):
    """What is lost stands on the page, and before the numbers."""
    capture = bench.trace([bench.program("windows"), "jumps", "40"], ["--window", "function=windows:jumper"])
    lost = bench.info(capture)["loss"]["missed_trigger"]
    need(lost > 0, "nothing was lost")
    _, text = page_of(bench, capture)
    page = Page(text)
    need(re.search(rf"not complete.*{lost}\s+missed_trigger.*Windows", page.text, re.S), "the loss is not told")


def browser(bench):
    tool = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if tool is None:
        return "skipped: no chromium (apt-get install chromium)"
    capture = hostile_capture(bench)
    if capture is None:
        return "skipped: gcc and objcopy are needed"
    path, _ = page_of(bench, capture)
    done = bench.run([tool, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={bench.path('chromium')}",
                      "--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000", "--window-size=1200,1800", "--dump-dom",
                      "file://" + path], timeout=120)
    equal("chromium's status", done.returncode, 0)
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    equal("console", console, [])
    dom = done.stdout.decode(errors="replace")
    need(dom.count('class="call ') > 3 and dom.count('class="win ') == 29, "drawn:", dom.count('class="call '), "calls and",
         dom.count('class="win '), "windows")
    return None


main({"html": [hostile, one_window, bounded, loss, browser]})
