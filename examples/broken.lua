-- SPDX-License-Identifier: MIT
-- Cannot be parsed: the table is never closed.
local words = {"trace", "packet",
print(#words)
