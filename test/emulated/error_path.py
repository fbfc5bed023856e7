# SPDX-License-Identifier: MIT
"""A real Debian program's real error from a flight recorder: Debian's Lua 5.4.4, compiled with -g, reads a
program whose table is never closed. What leads there was read off its source (lparser.c, ldo.c, lapi.c,
lauxlib.c, lua.c) and stands below; the trace must say the same. Skips where the source cannot be fetched."""
import os
import re
import subprocess

from common import equal, main, need

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# From the report outwards; those that gcc -O2 folds into their callers (constructor's simpleexp and expr,
# statement's localstat, luaY_parser's mainfunc and statlist) have no frame.
CHAIN = ["luaX_syntaxerror", "check_match", "constructor", "subexpr", "statement", "luaY_parser", "f_parser",
         "luaD_rawrunprotected", "luaD_pcall", "luaD_protectedparser", "lua_load", "luaL_loadfilex"]
# check_match's last statement, the call of luaX_syntaxerror: lines 135 to 137 of lparser.c.
LAST_LINE = ("src/lparser.c", range(135, 138))
# What check_match asks for in order to say "'}' expected (to close '{' at line 3)"; luaX_token2str ends in a
# tail call of luaO_pushfstring for a token of one character.
ASKED = ["luaX_token2str", "luaO_pushfstring"] * 2 + ["luaO_pushfstring"]


def make_lua(bench):
    directory = os.path.join(bench.build, "lua-aarch64" if bench.arm else "lua")
    env = os.environ | ({"CC": "aarch64-linux-gnu-gcc -static"} if bench.arm else {})
    lua = os.path.join(directory, "lua")
    if not os.path.exists(lua):
        subprocess.run(["sh", os.path.join(ROOT, "examples", "make_lua.sh"), directory], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False, env=env)
    return lua if os.path.exists(lua) else None


def chain_at_end(tree):
    """The functions that are open at the end of a call tree, innermost first, and what the second called."""
    rows = [re.match(r"( *\d+ +)(\S+)", line) for line in tree.splitlines()]
    rows = [(len(row[1]), row[2]) for row in rows if row]
    depth, chain, asked = 1 << 30, [], []
    for column, name in reversed(rows):
        if len(chain) == 1 and column == depth:
            asked.insert(0, name)
        if column < depth:
            depth = column
            chain.append(name)
    return chain, asked


def lua_syntax_error(bench):
    lua = make_lua(bench)
    if lua is None:
        return "skipped: Debian's source of lua5.4 could not be fetched"
    script = os.path.join(ROOT, "examples", "broken.lua")
    plain = bench.plain([lua, script])
    capture = bench.trace([lua, script], [os.path.join(ROOT, "examples", "lua_error.toml")], status=plain.returncode)
    need(plain.stderr in bench.last.stderr, "Lua's own message:", bench.last.stderr)
    bench.clean_info(capture)
    chain, asked = chain_at_end(bench.view("script", "calls", capture))
    equal("what led to the error", chain[:len(CHAIN)], CHAIN)
    equal("what check_match called", asked, ASKED)
    last = bench.view("script", "branches", "--last", "1", capture)
    need(re.search(r"call .* check_match\S* → \S+ luaX_syntaxerror$", last.splitlines()[-1]), "the last branch:", last)
    line = [row for row in bench.view("script", "instructions", "--json", capture).splitlines() if '"line"' in row][-1]
    file, number = re.search(r'"line":"([^"]*):(\d+)"', line).groups()
    need(file == LAST_LINE[0] and int(number) in LAST_LINE[1], "the last line:", file, number)
    return None


def c_library(bench):
    """The plan that comes with tracectl, on a program as it is shipped: cat reports through error(3)."""
    capture = bench.trace(["cat", "/nonexistent"], [os.path.join(ROOT, "examples", "error_path.toml")], status=1)
    last = bench.view("script", "branches", "--last", "1", capture)
    need(re.search(r"→ \S+ error$", last.splitlines()[-1]), "the last branch:", last)


if __name__ == "__main__":
    main({"error_path": [lua_syntax_error, c_library]}, arm={"error_path": [lua_syntax_error]})
