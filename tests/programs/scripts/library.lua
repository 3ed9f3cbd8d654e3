-- SPDX-License-Identifier: ISC
-- Its libraries io and os: files, lines, seeking, times, environment, and what goes wrong.
local name = "out/file.txt"
local file = assert(io.open(name, "w"))
for i = 1, 10000 do file:write("line ", i, " ", i / 3, "\n") end
print(file:seek("cur"), file:seek("end"))
file:close()
local lines, sum = 0, 0
for line in io.lines(name) do
	lines = lines + 1
	sum = sum + tonumber(line:match("^line (%d+)"))
end
print(lines, sum)
file = assert(io.open(name, "r+"))
print(file:read("l"), file:read("n"), file:seek("set", 100), file:read(20))
file:seek("set", 5)
file:write("ONE")
file:close()
file = io.open(name)
print(file:read(12), #file:read("a"), file:read("a"), file:read("l"))
print(io.type(file), file:close(), io.type(file))
for n, kind in io.lines("in/numbers", "n", "l") do print(n, kind) break end
print(io.open("in/nothing"))
print(io.open("in/nothing/else", "w"))
print(pcall(io.lines, "in/nothing"))
local blob = io.open("in/blob", "rb"):read("a")
local check = 0
for i = 1, #blob, 997 do check = (check * 31 + blob:byte(i)) % 1000000007 end
print(#blob, check)
print(os.rename(name, "out/renamed.txt"), os.remove("out/nothing"))
print(os.remove("out/renamed.txt"), os.remove("out/renamed.txt"))
file = io.tmpfile()
file:setvbuf("full", 1 << 16)
file:write(("x"):rep(100000))
file:seek("set")
print(#file:read("a"))
file:close()
print(os.getenv("LC_ALL"), os.getenv("NOTHING"), os.setlocale())
print(os.date("!%Y-%m-%d %H:%M:%S", 1234567890), os.time({ year = 2001, month = 2, day = 3, hour = 4 }))
print(os.difftime(10, 5), os.time() > 1600000000, os.clock() >= 0, arg[0], arg[1])
io.stderr:write("on standard error\n")
print(io.read("l"), io.read("n"), #io.read("a"))
local unwritten = assert(io.open("/dev/full", "w"))
unwritten:setvbuf("no")
print(unwritten:write("x"))
os.exit(5, true)
