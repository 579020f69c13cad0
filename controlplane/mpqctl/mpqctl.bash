# SPDX-License-Identifier: Apache-2.0
# bash completion for mpqctl(1). Verbs and options come from mpqctl's own help,
# so there is no second list to keep.

_mpqctl_verbs()
{
	mpqctl help | sed -n '/^Verbs:/,/^$/s/^  \([a-z ]*[a-z]\).*/\1/p' |
		sed 's/  .*//'
}

_mpqctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} word before="" verb
	local -a words=()

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $word == -* ]] || words+=("$word")
	done
	before="${words[*]}"
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(mpqctl help ${before:-status} 2>/dev/null |
			sed -n 's/^  \(--[a-z]*\).*/\1/p')" -- "$cur"))
		return
	fi
	COMPREPLY=($(compgen -W "$(_mpqctl_verbs | while read -r verb; do
		if [[ -z $before ]]; then
			echo "${verb%% *}"
		elif [[ $verb == "$before "* ]]; then
			echo "${verb#"$before "}"
		fi
	done)" -- "$cur"))
	case $before in
	"path hold" | "path release") word=paths ;;
	"tunnel enable" | "tunnel disable" | "tunnel run" | explain) word=tunnels ;;
	*) word="" ;;
	esac
	if [[ -n $word ]]; then
		COMPREPLY=($(compgen -W "$(mpqctl status --json 2>/dev/null |
			python3 -c "import json, sys
for entry in json.load(sys.stdin)['$word']: print(entry['name'])" \
				2>/dev/null)" -- "$cur"))
	elif [[ ${#COMPREPLY[@]} -eq 0 ]]; then
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -F _mpqctl mpqctl
