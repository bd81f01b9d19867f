using System;
using System.Diagnostics;
using System.IO;
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

        foreach (var run in new[] { "my-run", "spaced run & more", "it's", "$(touch hurt)" })
        {
            Directory.CreateDirectory(folder.File($"runs/{run}"));
            File.WriteAllText(folder.File($"runs/{run}/agent.rl"), "");
        }

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

    private static string[] Suggested(string line) =>
        Run($"[suggest:{line.Length}]", line).Output.Split(
            '\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
