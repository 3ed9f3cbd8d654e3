/* SPDX-License-Identifier: ISC */
/* lua.c - an interpreter of Lua scripts: lua SCRIPT [ARGUMENT...]. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

int main(int count, char **arguments)
{
	lua_State *state = luaL_newstate();
	int failed;

	if (count < 2 || !state)
		return 2;
	luaL_openlibs(state);
	lua_newtable(state);
	for (int i = 1; i < count; i++) {
		lua_pushstring(state, arguments[i]);
		lua_rawseti(state, -2, i - 1);
	}
	lua_setglobal(state, "arg");
	failed = luaL_dofile(state, arguments[1]);
	if (failed)
		fprintf(stderr, "lua: %s\n", lua_tostring(state, -1));
	lua_close(state);
	return failed ? 1 : 0;
}
