using System;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli;
using Rl.Cli.Commands;
using Rl.Cli.Runs;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

/// <summary><c>rl teach</c>: a person at the keyboard, whose keys are written here.</summary>
public sealed class TeachCommandTests : IDisposable
{
    private static readonly string[] Quick = ["--set", "RoundSteps=20", "GradientSteps=60"];

    private readonly TemporaryFolder folder = new();
    private readonly string run;

    public TeachCommandTests() => run = folder.File("run");

    public void Dispose() => folder.Dispose();

    private string AgentPath => Path.Combine(run, RunFiles.Agent);

    private static ConsoleKeyInfo Key(char letter, ConsoleKey key = ConsoleKey.None) =>
        new(letter, key, false, false, false);

    private static ConsoleKeyInfo Escape => Key('\e', ConsoleKey.Escape);

    /// <summary>Runs the command with a person whose n-th key, from 0, is given.</summary>
    private static (int Code, string Output) Teach(
        Func<int, ConsoleKeyInfo?> keys, CancellationToken interruption, params string[] words)
    {
        var (output, pressed) = (new StringWriter(), 0);
        var terminal = new Terminal(output, output, true, 100, 30, () => keys(pressed++));
        var code = CommandLine.Run(["teach", .. words], terminal, interruption);
        return (code, output.ToString());
    }

    private static (int Code, string Output) Teach(Func<int, ConsoleKeyInfo?> keys, params string[] words) =>
        Teach(keys, CancellationToken.None, words);

    [Fact]
    public void An_agent_does_what_was_said_at_the_keyboard()
    {
        // Every second time no key is down, and some mean nothing.
        var keys = "1?7";
        var (code, output) = Teach(
            n => n % 2 == 0 ? null : Key(keys[n / 2 % 3]), ["CartPole-v1", "--steps", "60", "--run", run, .. Quick]);
        Assert.Equal(0, code);
        Assert.Contains("press 0 to 1, or ← and →; Esc ends", output, StringComparison.Ordinal);
        Assert.Contains("learned from 60 answers in 3 rounds", output, StringComparison.Ordinal);
        Assert.Contains("mean return", output, StringComparison.Ordinal);
        Assert.Contains("▀", output, StringComparison.Ordinal);
        using var agent = Agent.Load(AgentPath);
        Assert.Equal(60, agent.Steps);
        Assert.Equal(1, agent.Predict([0.02f, -0.1f, 0.03f, 0.1f])[0]);
        Assert.Equal(4, File.ReadAllLines(Path.Combine(run, RunFiles.Metrics)).Length);
    }

    [Fact]
    public void Who_leaves_keeps_the_rounds_and_goes_on_as_if_he_had_never_left()
    {
        static ConsoleKeyInfo Turning(int n) => Key(n % 3 == 0 ? '0' : '1');
        string[] task = ["CartPole-v1", "--steps", "60", .. Quick];
        Assert.Equal(0, Teach(n => Turning(n), [.. task, "--run", folder.File("whole")]).Code);
        var (code, output) = Teach(n => n < 47 ? Turning(n) : Escape, [.. task, "--run", run]);
        Assert.Equal(0, code);
        Assert.Contains("learned from 40 answers in 2 rounds", output, StringComparison.Ordinal);
        Assert.Contains("the 7 of the unfinished round are not among them", output, StringComparison.Ordinal);
        Assert.Contains($"rl teach --resume {run} goes on", output, StringComparison.Ordinal);
        Assert.Equal(0, Teach(n => Turning(40 + n), ["--resume", run]).Code);
        using var whole = Agent.Load(Path.Combine(folder.File("whole"), RunFiles.Agent));
        using var resumed = Agent.Load(AgentPath);
        Assert.Equal(60, resumed.Steps);
        Assert.Equal(whole.Parameters.ToArray(), resumed.Parameters.ToArray());
        Assert.Contains(
            "has had all of its 60 answers", Teach(_ => Escape, ["--resume", run]).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interruption_keeps_what_was_learned()
    {
        using var interruption = new CancellationTokenSource();
        var (code, output) = Teach(
            n =>
            {
                if (n == 30)
                {
                    interruption.Cancel();
                }

                return Key('0');
            },
            interruption.Token,
            ["CartPole-v1", "--run", run, .. Quick]);
        Assert.Equal(130, code);
        Assert.Contains("learned from 20 answers in 1 rounds", output, StringComparison.Ordinal);
        using var agent = Agent.Load(AgentPath);
        Assert.Equal(20, agent.Steps);
    }

    [Fact]
    public void Without_a_terminal_or_in_what_no_keys_can_do_it_says_so_and_leaves_no_trace()
    {
        Fails(1, "The output is not a terminal, so nobody sees what to answer", "teach", "CartPole-v1", "--run", run);
        Assert.Contains("--expert", Run("teach", "CartPole-v1").Error, StringComparison.Ordinal);
        (int Code, string Text)[] wrong =
        [
            Teach(_ => Escape, []),
            Teach(_ => Escape, ["CartPole-v1", "--run", run, "--set", "EnvironmentCopies=4"]),
            Teach(_ => Escape, ["CartPole-v1", "--run", run, "--set", "RoundStep=4"]),
            Teach(_ => Escape, ["CartPole-v1", "--resume", run]),
            Teach(_ => Escape, ["CartPoll-v1", "--run", run]),
        ];
        Assert.All(wrong, result => Assert.Equal(2, result.Code));
        Assert.Contains("needs an environment, or --resume", wrong[0].Text, StringComparison.Ordinal);
        Assert.Contains("EnvironmentCopies", wrong[1].Text, StringComparison.Ordinal);
        Assert.Contains("RoundSteps", wrong[2].Text, StringComparison.Ordinal);
        Assert.Contains("only --steps", wrong[3].Text, StringComparison.Ordinal);
        Assert.Contains("CartPole-v1", wrong[4].Text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public void A_run_that_nobody_taught_is_not_gone_on_with()
    {
        Assert.Equal(0, Run("train", "a2c", "CartPole-v1", "--steps", "500", "--run", run, "--episodes", "1").Code);
        var before = File.ReadAllBytes(AgentPath);
        var (code, output) = Teach(_ => Escape, ["--resume", run]);
        Assert.Equal(1, code);
        Assert.Contains("no run that a person teaches: it is one of a2c in 8 copies", output, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(AgentPath));
    }

    [Fact]
    public void Choices_have_a_key_each_and_the_arrows_where_they_are_few()
    {
        float? Pressed(Space space, ConsoleKeyInfo key, bool[]? mask = null)
        {
            var action = new float[1];
            return KeyBindings.Of(space).Press(key, mask, action) ? action[0] : null;
        }

        var three = Space.Discrete(3, start: -1);
        Assert.Equal(-1, Pressed(three, Key('\0', ConsoleKey.LeftArrow)));
        Assert.Equal(0, Pressed(three, Key('\0', ConsoleKey.DownArrow)));
        Assert.Equal(1, Pressed(three, Key('\0', ConsoleKey.RightArrow)));
        Assert.Equal(1, Pressed(three, Key('2')));
        Assert.Null(Pressed(three, Key('3')));
        Assert.Null(Pressed(three, Key('2'), [true, true, false]));
        Assert.Equal(11, Pressed(Space.Discrete(12), Key('B')));
        Assert.Throws<NotSupportedException>(() => KeyBindings.Of(Space.Discrete(37)));
    }

    [Fact]
    public void Numbers_are_turned_and_taken()
    {
        float[] Taken(Space space, string keys)
        {
            var (bindings, action) = (KeyBindings.Of(space), new float[space.Size]);
            Assert.All(keys, key => Assert.False(bindings.Press(Key(key), [], action)));
            Assert.True(bindings.Press(Key(' ', ConsoleKey.Spacebar), [], action));
            Assert.True(space.Contains(action));
            return action;
        }

        var one = Space.Box(-2, 2, 1);
        Assert.Equal([0f], Taken(one, ""));
        Assert.Equal([1f], Taken(one, "q"));
        Assert.Equal([2f], Taken(one, "qqqq"));
        Assert.Equal([-1f], Taken(one, "qaa"));
        Assert.Equal([-1f, 3f], Taken(Space.Box([-1, 1], [1, 3]), "aaww"));
        Assert.Equal([1f, 0f, 1f], Taken(Space.MultiBinary(3), "qwse"));
        Assert.Equal([2f, 7f], Taken(Space.Tuple(Space.Discrete(3), Space.MultiDiscrete([2], [6])), "qqw"));
        var keys = KeyBindings.Of(one);
        Assert.False(keys.Press(Key('\0', ConsoleKey.RightArrow), [], new float[1]));
        Assert.Equal("1", keys.Status);
        var endless = Assert.Throws<NotSupportedException>(() => KeyBindings.Of(Space.Unbounded(1)));
        Assert.Contains("[-Infinity, Infinity]", endless.Message, StringComparison.Ordinal);
        var many = Assert.Throws<NotSupportedException>(() => KeyBindings.Of(Space.Box(-1, 1, 11)));
        Assert.Contains("10 numbers", many.Message, StringComparison.Ordinal);
    }
}
