-- SPDX-License-Identifier: ISC
-- The language: strings, patterns, tables, closures, metatables, coroutines, errors, garbage.
local function check(condition, text)
	if not condition then error(text or "check failed", 2) end
end

-- strings
print(("%5.2f|%-10s|%05d|%x|%q"):format(3.14159, "left", 42, 255, 'a "quoted"\nline'))
print(("hello world from lua"):gsub("(%w+)", "<%1>"))
print(("key = value # comment"):match("^(%w+)%s*=%s*(%w+)"))
for word, number in ("a=1, b=22, c=333"):gmatch("(%w+)=(%w+)") do io.write(word, number, ";") end
print()
print(#("x"):rep(1000000), ("abc"):byte(1, -1), ("reverse"):reverse(), utf8.char(228, 8364), utf8.len("ä€"))
print(string.pack("<i4z", 7, "text"):byte(1, -1))
check(tostring(1e15) == "1e+15" and 7 // 2 == 3 and 7 % -3 == -2 and 1 << 62 == 4611686018427387904)
print(math.maxinteger + 1 == math.mininteger, 10 / 2, 3 | 4, math.type(1), math.type(1.0), 2 ^ 53, 1 / 0, -1 / 0)

-- tables
local squares = {}
for i = 1, 100000 do squares[i] = i * i % 10007 end
table.sort(squares)
print(#squares, squares[1], squares[50000], squares[100000], table.concat({ 1, 2, 3 }, "-"))
local moved = table.move({ 1, 2, 3 }, 1, 3, 3)
print(#moved, select("#", table.unpack({ 1, nil, 3 }, 1, 3)), next({}))
local words = {}
for i = 1, 20000 do words["key" .. i] = i end
for i = 1, 20000, 2 do words["key" .. i] = nil end
local count, sum = 0, 0
for _, value in pairs(words) do count, sum = count + 1, sum + value end
print(count, sum)

-- closures, metatables
local function counter()
	local n = 0
	return function() n = n + 1 return n end
end
local a, b = counter(), counter()
print(a(), a(), b())
local Vector = {}
Vector.__index = Vector
Vector.__add = function(p, q) return setmetatable({ x = p.x + q.x, y = p.y + q.y }, Vector) end
Vector.__eq = function(p, q) return p.x == q.x and p.y == q.y end
Vector.__tostring = function(p) return "(" .. p.x .. ", " .. p.y .. ")" end
Vector.__call = function(p, k) return p.x * k end
local p = setmetatable({ x = 1, y = 2 }, Vector)
print(tostring(p + p), p == setmetatable({ x = 1, y = 2 }, Vector), p(10))
local log = {}
local proxy = setmetatable({}, { __index = function(_, k) log[#log + 1] = k return k .. "!" end })
print(proxy.one, proxy.two, #log)

-- coroutines
local function numbers(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local total = 0
for i in numbers(20000) do total = total + i end
print(total)
local co = coroutine.create(function(x)
	local y = coroutine.yield(x * 2)
	error({ code = y })
end)
print(coroutine.resume(co, 21))
local ok, err = coroutine.resume(co, 7)
print(ok, err.code, coroutine.status(co))

-- errors
print(pcall(error, "message", 0))
print(select(2, pcall(function() local nothing = nil; return nothing.field end)))
print(xpcall(function() error("inner", 0) end, function(m) return "handled " .. m end))
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
print(deep(15000), pcall(function() local function f() return 1 + f() end return f() end) == false)
do
	local closed = {}
	do
		local x <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "x" end })
		local y <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "y" end })
	end
	print(table.concat(closed))
end

-- garbage
local finalized = 0
local weak = setmetatable({}, { __mode = "v" })
for i = 1, 2000 do
	weak[i] = setmetatable({}, { __gc = function() finalized = finalized + 1 end })
end
collectgarbage()
collectgarbage()
print(finalized, next(weak))
local before = collectgarbage("count")
local garbage = {}
for i = 1, 200000 do garbage[i] = { i } end
check(collectgarbage("count") > before + 5000)
garbage = nil
collectgarbage()
check(collectgarbage("count") < before + 1000)
collectgarbage("generational")
for i = 1, 300000 do local _ = { i, tostring(i) } end
collectgarbage("incremental")

-- load
print(load("return ...", "chunk", "t", {})(5), load("syntax error here"))
local dumped = string.dump(function(x) return x + 1 end)
print(load(dumped, "b", "b")(41))

-- something to compute
local function queens(n)
	local found, columns, up, down = 0, {}, {}, {}
	local function place(row)
		if row > n then found = found + 1 return end
		for c = 1, n do
			if not (columns[c] or up[row + c] or down[row - c]) then
				columns[c], up[row + c], down[row - c] = true, true, true
				place(row + 1)
				columns[c], up[row + c], down[row - c] = nil, nil, nil
			end
		end
	end
	place(1)
	return found
end
print(queens(7))
