using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl.Cli;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary>What shells offer as the next word.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_command_suggests_commands_ids_and_options_for_a_line_that_is_not_complete()
    {
        Assert.Contains("train", Suggested("tr"));
        Assert.Contains("ppo", Suggested("train pp"));
        Assert.Contains("CartPole-v1", Suggested("train ppo Cart"));
        Assert.Contains("--environment-set", Suggested("train ppo CartPole-v1 --en"));
        Assert.Contains("LearningRate=", Suggested("train ppo CartPole-v1 --set Lear"));
        Assert.DoesNotContain("BufferSize=", Suggested("train ppo CartPole-v1 --set Buf"));
        Assert.Contains("BufferSize=", Suggested("train dqn CartPole-v1 --set Buf"));
        Assert.Contains("fish", Suggested("completion f"));
    }

    [Theory]
    [InlineData("rl tra", "train")]
    [InlineData("rl train dq", "dqn")]
    [InlineData("rl train dqn Acro", "Acrobot-v1")]
    [InlineData("rl resume my", "my-run")]
    [InlineData("rl evaluate my", "my-run")]
    [InlineData("rl train dqn Acrobot-v1 --over", "--overwrite")]
    [InlineData("rl train dqn Acrobot-v1 --set LearningR", "LearningRate=")]
    [InlineData("rl resume spa", "spaced\\ run\\ \\&\\ more")]
    [InlineData("rl resume \"spa", "spaced run & more")]
    [InlineData("rl resume \"$(", "\\$(touch hurt)")]
    [InlineData("rl resume 'it", "it'\\''s")]
    [InlineData("rl resume $(", "\\$\\(touch\\ hurt\\)")]
    [InlineData("rl resume it", "it\\'s")]
    [InlineData("rl resume /", "")]
    [InlineData("rl train nothing-begins-so", "")]
    public void Bash_completes_a_word(string line, string expected)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("There is no bash.");
        }

        MakeRuns();
        var script = folder.File("complete.sh");
        File.WriteAllText(script, $$"""
            set -u
            rl() { dotnet "{{typeof(CommandLine).Assembly.Location}}" "$@"; }
            compopt() { :; }
            source <(rl completion bash)
            COMP_LINE="$1"
            COMP_POINT=${#COMP_LINE}
            read -r -a COMP_WORDS <<< "$COMP_LINE"
            COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
            _rl_complete
            printf '%s\n' "${COMPREPLY[@]+"${COMPREPLY[@]}"}"
            """);
        using var bash = Process.Start(new ProcessStartInfo("bash", [script, line])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder.Path,
        })!;
        var (output, error) = (bash.StandardOutput.ReadToEnd(), bash.StandardError.ReadToEnd());
        bash.WaitForExit();
        Assert.Equal("", error);
        Assert.Equal(expected, output.Trim());
        Assert.False(File.Exists(folder.File("hurt")));
    }

    /// <summary>In a terminal of zsh's own: the line, the tab key, and enter; what is run shows what it became.
    /// </summary>
    [Theory]
    [InlineData("rl tra", "train")]
    [InlineData("rl train dqn Acro", "train|dqn|Acrobot-v1")]
    [InlineData("rl train dqn Acrobot-v1 --over", "train|dqn|Acrobot-v1|--overwrite")]
    [InlineData("rl train dqn Acrobot-v1 --set LearningR", "train|dqn|Acrobot-v1|--set|LearningRate=")]
    [InlineData("rl resume spa", "resume|spaced run & more")]
    [InlineData("rl resume \"spa", "resume|spaced run & more")]
    [InlineData("rl resume 'it", "resume|it's")]
    [InlineData("rl resume it", "resume|it's")]
    [InlineData("rl resume \\$\\(", "resume|$(touch hurt)")]
    [InlineData("rl resume nothing-so", "resume|nothing-so")]
    public void Zsh_completes_a_word(string line, string expected)
    {
        RequireShell("zsh");
        MakeRuns();
        File.WriteAllText(folder.File("complete.zsh"), $$"""
            zmodload zsh/zpty
            zpty -b inner zsh -f -i
            out=
            hear() {
                local i
                for i in {1..600}; do
                    while zpty -r -t inner part; do out+=$part; done
                    [[ $out == *$1* ]] && return
                    sleep 0.05
                done
            }
            zpty -w inner "PS1=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D"
            zpty -w inner "program='{{typeof(CommandLine).Assembly.Location}}'"
            zpty -w inner 'rl() {
                case $1 in
                    \[suggest*|completion) dotnet "$program" "$@" ;;
                    *) print -r -- "RA""N${(j:|:)@}EN""D" ;;
                esac
            }'
            zpty -w inner "source <(rl completion zsh)"
            zpty -w inner 'print REA""DY'
            hear READY
            out=
            zpty -w -n inner "$1"$'\t'
            zpty -w -n inner $'\n'
            hear END
            print -r -- "${${out##*RAN}%%END*}"
            zpty -d inner
            """);
        Assert.Equal(expected, Shell("zsh", "-f", folder.File("complete.zsh"), line).Trim());
        Assert.False(File.Exists(folder.File("hurt")));
    }

    [Theory]
    [InlineData("rl tra", "train")]
    [InlineData("rl train dqn Acro", "Acrobot-v1")]
    [InlineData("rl train dqn Acrobot-v1 --over", "--overwrite")]
    [InlineData("rl train dqn Acrobot-v1 --set LearningR", "LearningRate=")]
    [InlineData("rl resume spa", "spaced run & more")]
    [InlineData("rl resume \"spa", "spaced run & more")]
    [InlineData("rl resume 'it", "it's")]
    [InlineData("rl resume \\$\\(", "$(touch hurt)")]
    [InlineData("rl resume nothing-so", "")]
    public void Fish_completes_a_word(string line, string expected)
    {
        RequireShell("fish");
        MakeRuns();
        File.WriteAllText(folder.File("complete.fish"), $$"""
            function rl; dotnet "{{typeof(CommandLine).Assembly.Location}}" $argv; end
            rl completion fish | source
            complete -C $argv[1]
            """);
        Assert.Equal(expected, Shell("fish", "--no-config", folder.File("complete.fish"), line).Trim());
        Assert.False(File.Exists(folder.File("hurt")));
    }

    [Theory]
    [InlineData("rl tra", "train")]
    [InlineData("rl train dqn Acrobot-v1 --over", "--overwrite")]
    [InlineData("rl resume spa", "'spaced run & more'")]
    [InlineData("rl resume 'spa", "'spaced run & more'")]
    [InlineData("rl resume it", "'it''s'")]
    [InlineData("rl resume '$", "'$(touch hurt)'")]
    public void PowerShell_completes_a_word(string line, string expected)
    {
        RequireShell("pwsh");
        MakeRuns();
        File.WriteAllText(folder.File("complete.ps1"), $$"""
            function rl { dotnet "{{typeof(CommandLine).Assembly.Location}}" @args }
            rl completion pwsh | Out-String | Invoke-Expression
            $line = $args[0]
            (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches |
                ForEach-Object { $_.CompletionText }
            """);
        Assert.Equal(expected, Shell("pwsh", "-NoProfile", "-File", folder.File("complete.ps1"), line).Trim());
        Assert.False(File.Exists(folder.File("hurt")));
    }

    /// <summary>A shell reads the output through a pipe, and the terminal is its own: a sequence that begins there
    /// would be typed into the line.</summary>
    [Fact]
    public void Nothing_but_candidates_reaches_a_terminal()
    {
        RequireShell("script");
        var command = $"dotnet '{typeof(CommandLine).Assembly.Location}' '[suggest:3]' tra | cat";
        var output = Shell("script", "-qec", command, "/dev/null");
        Assert.Equal("train", output.Trim());
        Assert.DoesNotContain('\e', output);
    }

    [Fact]
    public void Every_shell_has_a_script_that_asks_the_command_and_others_are_refused()
    {
        foreach (var shell in CompletionScripts.Shells)
        {
            var (code, output, error) = Run("completion", shell);
            Assert.Equal((0, ""), (code, error));
            Assert.Contains("[suggest:", output, StringComparison.Ordinal);
        }

        Assert.Equal(["bash", "zsh", "fish", "pwsh"], CompletionScripts.Shells);
        Fails(2, "the shells are bash, zsh, fish, pwsh", "completion", "tcsh");
    }

    private void MakeRuns()
    {
        foreach (var run in new[] { "my-run", "spaced run & more", "it's", "$(touch hurt)" })
        {
            Directory.CreateDirectory(folder.File($"runs/{run}"));
            File.WriteAllText(folder.File($"runs/{run}/agent.rl"), "");
        }
    }

    private static void RequireShell(string name) =>
        Assert.SkipUnless(
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .Any(place => File.Exists(Path.Combine(place, name))),
            $"There is no {name} in PATH.");

    private string Shell(string name, params string[] arguments)
    {
        using var shell = Process.Start(new ProcessStartInfo(name, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder.Path,
        })!;
        shell.StandardInput.Close();
        var error = shell.StandardError.ReadToEndAsync();
        var output = shell.StandardOutput.ReadToEnd();
        shell.WaitForExit();
        Assert.Equal("", error.Result);
        return output;
    }

    private static string[] Suggested(string line) =>
        Run($"[suggest:{line.Length}]", line).Output.Split(
            '\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
