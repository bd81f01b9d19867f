using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli;

/// <summary>Scripts with which shells ask <c>rl</c> what may come next: each gives the line after the command's name
/// and where the cursor stands in it to <c>rl [suggest:cursor] line</c>.</summary>
internal static class CompletionScripts
{
    private static readonly KeyValuePair<string, string>[] Scripts =
    [
        new(
            "bash",
            """
            # Completion of rl for bash: source <(rl completion bash)
            _rl_complete() {
                local command="${COMP_WORDS[0]}" line="${COMP_LINE#* }" current="${COMP_WORDS[COMP_CWORD]}" word
                line="${line:0:COMP_POINT - ${#COMP_LINE} + ${#line}}"
                # What is typed is compared without backslashes and the quote that begins it; rl is asked for
                # what stands before its first space.
                local before="${line%"$current"}" quote=''
                case "$current" in
                    \"* | \'*) quote="${current:0:1}" current="${current:1}" ;;
                    *) current="${current//\\/}" ;;
                esac
                if [[ "$before" != "$line" ]]; then line="$before${current%% *}"; fi
                COMPREPLY=()
                while IFS= read -r word; do
                    case "$word" in '' | '/?' | '/h' | '-?') continue ;; esac
                    if [[ "$word" != "$current"* ]]; then continue; fi
                    case "$quote" in
                        '') printf -v word '%q' "$word" ;;
                        \') word="${word//\'/\'\\\'\'}" ;;
                        *)
                            word="${word//\\/\\\\}" word="${word//\$/\\\$}"
                            word="${word//\`/\\\`}" word="${word//\"/\\\"}" ;;
                    esac
                    COMPREPLY+=("$word")
                done < <("$command" "[suggest:${#line}]" "$line" 2>/dev/null | tr -d '\r')
                # A value follows the sign: no space after it.
                if [[ ${#COMPREPLY[@]} -gt 0 && "${COMPREPLY[0]}" == *= ]]; then compopt -o nospace; fi
            }
            complete -o default -F _rl_complete rl

            """),
        new(
            "zsh",
            """
            #compdef rl
            # Completion of rl for zsh: a file _rl in a folder of $fpath, or source <(rl completion zsh) after compinit.
            _rl() {
                # What stands before the word as it is, and of the word, without its quotes, what stands before its
                # first space; zsh compares what is found with all of it.
                local typed="${(Q)PREFIX}"
                local line="${(j: :)words[2,CURRENT-1]}"
                line="${line:+$line }${typed%% *}"
                local -a found values
                found=("${(@f)$(rl "[suggest:${#line}]" "$line" 2>/dev/null)}")
                found=("${(@)found:#(|/\?|/h|-\?)}")
                values=("${(@M)found:#*=}")
                found=("${(@)found:#*=}")
                (( ${#found} )) && compadd -- "${found[@]}"
                (( ${#values} )) && compadd -S '' -- "${values[@]}"
                (( ${#found} + ${#values} )) || _files
            }
            compdef _rl rl

            """),
        new(
            "fish",
            """
            # Completion of rl for fish: ~/.config/fish/completions/rl.fish
            function __rl_complete
                # The words before, and of this one, without quotes and backslashes, what stands before its first space.
                set -l words (commandline -opc)
                set -l current (commandline -ct | string replace -r '^["\']' '' | string replace -ra '\\\\(.)' '$1')
                set -l line (string join -- ' ' $words[2..] (string replace -r ' .*' '' -- "$current"))
                rl "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null | string match -rv '^(/\?|/h|-\?)$'
            end
            complete -c rl -a '(__rl_complete)'

            """),
        new(
            "pwsh",
            """
            # Completion of rl for PowerShell: rl completion pwsh | Out-String | Invoke-Expression, in $PROFILE
            Register-ArgumentCompleter -Native -CommandName rl -ScriptBlock {
                param($wordToComplete, $commandAst, $cursorPosition)
                # What stands before the word as it is, and of the word, without its quotes, what stands before its
                # first space.
                $line = $commandAst.ToString()
                $start = $line.IndexOf(' ') + 1
                $typed = $wordToComplete -replace "^['`"]|['`"]$", '' -replace '`(.)', '$1'
                $cursor = [Math]::Min($line.Length, $cursorPosition - $commandAst.Extent.StartOffset)
                $end = $cursor - $wordToComplete.Length
                $before = if ($end -gt $start) { $line.Substring($start, $end - $start) } else { '' }
                if ($before -and -not $before.EndsWith(' ')) { $before += ' ' }
                $asked = $before + ($typed -split ' ')[0]
                rl "[suggest:$($asked.Length)]" $asked 2>$null |
                    Where-Object {
                        $_ -and $_ -notin '/?', '/h', '-?' -and $_.StartsWith($typed, 'OrdinalIgnoreCase')
                    } |
                    ForEach-Object {
                        $text = if ($_ -match '^[\w./=:-]+$') { $_ } else { "'" + $_.Replace("'", "''") + "'" }
                        [System.Management.Automation.CompletionResult]::new($text, $_, 'ParameterValue', $_)
                    }
            }

            """),
    ];

    /// <summary>The shells that there is a script for.</summary>
    public static IEnumerable<string> Shells => Scripts.Select(script => script.Key);

    /// <summary>Their names in a sentence.</summary>
    public static string Listed => string.Join(", ", Shells);

    /// <summary>The script of a shell.</summary>
    /// <exception cref="ArgumentException">There is none for it.</exception>
    public static string Of(string shell) =>
        Scripts.FirstOrDefault(script => script.Key.Equals(shell, StringComparison.OrdinalIgnoreCase)).Value
        ?? throw new ArgumentException($"There is no script for the shell \"{shell}\"; the shells are {Listed}.");
}
