# SPDX-License-Identifier: ISC
# Reading and writing files, globbing, here-documents and here-strings, tests of files.
shopt -s nullglob globstar extglob
echo in/tree/*.h
echo in/**/*.c
echo in/!(tree|scripts|*.gz|*.bz2)
read -r a b rest <<<"one two three four"
echo "$a-$b-$rest"
while IFS=: read -r number word value _; do
	((number % 100)) || echo "$number $word $value"
done <in/table
cat_() { local line; while IFS= read -r line; do printf '%s\n' "$line"; done; }
cat_ <<TEXT
here: $a $((6 * 7))
  kept
TEXT
cat_ <<-'TEXT'
	no $expansion
	TEXT
exec 5>out/log 6<in/README.md
for i in 1 2 3; do
	read -r -u 6 line
	echo "$i: $line" >&5
done
exec 5>&- 6<&-
cat_ <out/log
echo more >>out/log
: >out/empty
mapfile -t lines <out/log
echo "${#lines[@]}"
for file in in/words in/tree in/tree/link in/nothing out/log out/empty; do
	flags=
	for test in e f d L r w x s; do
		test -$test "$file" && flags+=$test
	done
	echo "$file $flags"
done
[ in/words -ef in/tree/../words ] && echo same
cd in/tree && echo "${PWD##*/} ${OLDPWD##*/}"
cd - >/dev/null && cd nothing
echo $?
umask 027
echo secret >out/masked
set -o noclobber
echo again >out/masked
echo $?
IFS= read -r -N 20 start <in/blob
echo ${#start}
IFS= read -r -d : field <in/table
echo "$field"
read -r -t 0 <in/words && echo ready
printf -v padded '%-10s|' x
echo "$padded"
type -t read cd if cat_
echo $BASH_SUBSHELL $SHLVL
