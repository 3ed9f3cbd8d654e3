# SPDX-License-Identifier: ISC
# Arrays, associative arrays, arithmetic, expansions.
declare -a squares
for ((i = 0; i < 500; i++)); do
	squares[i]=$((i * i))
done
echo "${#squares[@]} ${squares[17]} ${squares[@]:3:5} ${squares[-1]}"
unset 'squares[4]'

declare -A count
while read -r word; do
	((count[${word:0:2}]++))
done <in/words
total=0
for key in ba co di fu ge ha ki lo mu ne; do
	printf '%s %d\n' "$key" "${count[$key]}"
	((total += count[$key]))
done
echo "$total"

text="The quick brown fox"
echo "${text^^} ${text,,} ${#text} ${text/quick/slow} ${text//o/0} ${text%% *} ${text##* } ${text:4:5}"
path=/usr/share/doc/thing.tar.gz
echo "${path##*/} ${path%.*} ${path%%.*} ${path%/*}"
echo "${undefined:-default} ${text:+set} ${undefined-also}"
echo {a..e}{1..3} {01..10..3}
echo $((2 ** 62)) $((0x1f | 1 << 8)) $((-7 / 2)) $((-7 % 3)) $((36#zz)) $((1 ? 2 : 3))
printf '%q %b %05.2f %x %o %s\n' "a b'c" 'tab\there' 3.14159 255 8 "$((10#010))"
fibonacci() {
	local n=$1 a=0 b=1 t
	while ((n-- > 0)); do
		t=$((a + b)) a=$b b=$t
	done
	REPLY=$a
}
fibonacci 80
echo "$REPLY"
[[ $text =~ ^The\ ([a-z]+)\ (.*)$ ]] && echo "${BASH_REMATCH[1]}|${BASH_REMATCH[2]}"
case $path in *.zip) echo zip ;; *.tar.*) echo tar ;; esac
select_sort() {
	local -n list=$1
	local i j t
	for ((i = 0; i < ${#list[@]}; i++)); do
		for ((j = i + 1; j < ${#list[@]}; j++)); do
			if [[ ${list[j]} < ${list[i]} ]]; then t=${list[i]} list[i]=${list[j]} list[j]=$t; fi
		done
	done
}
mapfile -t -n 60 words <in/words
select_sort words
printf '%s ' "${words[@]}"
echo
