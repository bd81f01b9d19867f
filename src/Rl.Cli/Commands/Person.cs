using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>A person at the keyboard as an agent's expert, who sees each state that the agent comes to and says what to
/// do there.</summary>
internal sealed class Person
{
    private readonly Agent agent;
    private readonly KeyBindings keys;
    private readonly Keyboard keyboard;
    private readonly Screen screen;
    private readonly CancellationToken interruption;
    private readonly string name;

    public Person(
        Agent agent, BuiltInEnvironment environment, Keyboard keyboard, Screen screen, CancellationToken interruption)
    {
        (this.agent, this.keyboard, this.screen, this.interruption) = (agent, keyboard, screen, interruption);
        keys = KeyBindings.Of(environment.ActionSpace);
        name = environment.Id;
        Expert = new("the person at the keyboard", Answer);
    }

    /// <summary>Who is asked.</summary>
    public Expert Expert { get; }

    /// <summary>Answers since the last round ended.</summary>
    public int Answers { get; private set; }

    /// <summary>What was learned from the last round, a line.</summary>
    public string Lesson { get; private set; } = "you act first, then say what you would do where the agent goes";

    /// <summary>A round ended, whose answers the agent has learned from.</summary>
    public void EndRound(TrainingProgress progress)
    {
        Answers = 0;
        var loss = progress.Metrics.FirstOrDefault(metric => metric.Key == "cloningLoss").Value;
        Lesson = string.Create(
            CultureInfo.InvariantCulture,
            $"round {progress.Updates}: learned from {progress.Steps} answers, loss {loss:0.000}");
    }

    private void Answer(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action)
    {
        var seen = Numbers(observation);
        while (true)
        {
            List<string> below = [$"{name}: {keys.Legend}", $"{Lesson}; answer {Answers + 1}"];
            if (keys.Status is { Length: > 0 } status)
            {
                below[0] = $"[{status}]  {below[0]}";
            }

            var scene = agent.View;
            screen.Show(scene, scene is null ? [seen, .. below] : below);
            var key = keyboard.Read(interruption);
            if (key.Key == ConsoleKey.Escape)
            {
                throw new OperationCanceledException("Esc was pressed.");
            }

            if (keys.Press(key, mask, action))
            {
                Answers++;
                return;
            }
        }
    }

    /// <summary>What there is to see of an environment without a picture.</summary>
    private static string Numbers(ReadOnlySpan<float> observation) =>
        string.Join(
            "  ", observation.ToArray().Select(x => x.ToString("0.###", CultureInfo.InvariantCulture)));
}
