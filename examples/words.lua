-- SPDX-License-Identifier: MIT
-- Counts the words of a text that it makes itself, and prints the most frequent.
local words = {"trace", "window", "branch", "packet", "thread", "event", "buffer", "plan"}
local seed, text = 7, {}
local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648; return seed // 65536 % n + 1 end
for i = 1, 3000 do text[i] = words[random(#words)] .. random(40) end

local count = {}
for word in table.concat(text, " "):gmatch("%a+%d*") do count[word] = (count[word] or 0) + 1 end

local order = {}
for word in pairs(count) do order[#order + 1] = word end
table.sort(order, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
for i = 1, 3 do print(order[i], count[order[i]]) end
