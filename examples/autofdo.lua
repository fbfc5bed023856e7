-- SPDX-License-Identifier: MIT
-- Work for an interpreter: calls, numbers, tables, strings, closures; N rounds of it (lua autofdo.lua N).
local rounds = tonumber(arg[1] or "10")

local function fibonacci(n) if n < 2 then return n end return fibonacci(n - 1) + fibonacci(n - 2) end

local function sieve(n)
  local composite, found = {}, 0
  for i = 2, n do
    if not composite[i] then
      found = found + 1
      for j = i * i, n, i do composite[j] = true end
    end
  end
  return found
end

local function words(n)
  local counts, text = {}, "the quick brown fox jumps over the lazy dog and runs away from it"
  for i = 1, n do
    for word in text:gmatch("%a+") do counts[word] = (counts[word] or 0) + i % 3 end
  end
  local keys = {}
  for word in pairs(counts) do keys[#keys + 1] = word end
  table.sort(keys, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return keys[1] .. counts[keys[1]]
end

local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({x = a.x + b.x, y = a.y + b.y}, Point) end

local function points(n)
  local sum = setmetatable({x = 0.0, y = 0.0}, Point)
  for i = 1, n do sum = sum + setmetatable({x = i * 0.5, y = i / 3}, Point) end
  return sum.x - sum.y
end

local function sorted(n)
  local list, seed = {}, 42
  for i = 1, n do
    seed = (seed * 1103515245 + 12345) % 2147483648
    list[i] = seed
  end
  table.sort(list)
  return list[1] % 1000
end

local out
for _ = 1, rounds do
  out = table.concat({fibonacci(20), sieve(5000), words(100), string.format("%.3f", points(5000)), sorted(2000)}, " ")
end
print(out)
