# SPDX-License-Identifier: ISC
# Traps, signals that the shell sends to itself, errors, functions, eval, getopts.
trap 'echo "bye $?"' EXIT
trap 'echo usr1' USR1
trap 'echo "term in ${FUNCNAME[0]:-main}"' TERM
kill -USR1 $$
kill -TERM $$
inside() { kill -TERM $$; echo "inside done"; }
inside
trap '' INT
kill -INT $$
echo "INT ignored"
trap -p USR1
trap 'echo "debug: $BASH_COMMAND"' DEBUG
x=1
: "$x"
trap - DEBUG
trap 'echo "failed at line $LINENO"' ERR
false
trap - ERR
while getopts ab:c option -a -b value -c rest; do echo "$option ${OPTARG-}"; done
echo "$OPTIND"
eval 'f() { return 7; }'
f
echo $?
shopt -s expand_aliases
count=0
recurse() { ((++count)); (($1 == 0)) || recurse $(($1 - 1)); }
recurse 900
echo $count
declare -i number=5+6
declare -r constant=1
declare -u upper=loud
echo "$number $upper"
(( constant = 2 )) 2>/dev/null
echo "status $?"
local_test() { local IFS=,; local -a parts=(a b c); echo "${parts[*]}"; }
local_test
printf '%s\n' "${BASH_VERSION%%.*}"
echo "$((SECONDS < 60)) $((RANDOM >= 0)) ${EPOCHSECONDS:0:1}"
exit 3
