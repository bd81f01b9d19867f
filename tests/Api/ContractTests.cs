using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Xunit;
using static Rl.Tests.Api.CommandCalls;

namespace Rl.Tests.Api;

public sealed class ContractTests
{
    private static readonly float[] NotANumber = [1, float.NaN];
    private static readonly float[] Outside = [-1, 0];
    private static readonly float[] Short = [1];

    [Fact]
    public void An_environment_that_keeps_the_contract_has_no_findings()
    {
        Assert.Empty(Environments.Check(Environments.Make("Taxi-v3")));
        Assert.Empty(Environments.Check(() => new Corridor(), seed: 3, steps: 200));
    }

    [Fact]
    public void What_is_wrong_with_ones_own_environment_is_listed_with_place_and_remedy()
    {
        var finding = Assert.Single(Of(ContractRule.Observations, result => result with { Observation = NotANumber }));
        Assert.False(finding.IsAdvice);
        Assert.Contains("component 1 is NaN", finding.Problem, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Place);
        Assert.NotEmpty(finding.Remedy);
        Assert.Contains("step 3", finding.ToString(), StringComparison.Ordinal);

        Assert.Contains(
            "outside Box",
            Assert.Single(Of(ContractRule.Observations, result => result with { Observation = Outside })).Problem,
            StringComparison.Ordinal);
        Assert.Contains(
            "reward -",
            Assert.Single(Of(ContractRule.Rewards, result => result with { Reward = double.NegativeInfinity })).Problem,
            StringComparison.Ordinal);
        Assert.Contains(
            "observation of 1 elements",
            Of(ContractRule.Observations, result => result with { Observation = Short }).First().Problem,
            StringComparison.Ordinal);
        Assert.Contains(
            "kaputt", Of(ContractRule.Exceptions, _ => throw new InvalidOperationException("kaputt")).First().Problem,
            StringComparison.Ordinal);
        Assert.True(Assert.Single(Of(ContractRule.Truncation, result => result with { Truncated = true })).IsAdvice);
    }

    [Fact]
    public void An_environment_whose_randomness_is_not_the_seed_s_is_found()
    {
        var calls = 0;
        var findings = Environments.Check(
            () => new Corridor { SpoiltStep = 2, Spoil = result => result with { Reward = calls++ } });
        Assert.Contains(findings, finding => finding.Rule == ContractRule.Reproducibility);
    }

    [Fact]
    public void A_factory_that_throws_or_returns_null_is_a_finding()
    {
        Assert.Equal(
            ContractRule.Exceptions,
            Assert.Single(Environments.Check(() => throw new InvalidOperationException("no licence"))).Rule);
        Assert.Equal(ContractRule.Exceptions, Assert.Single(Environments.Check(() => null!)).Rule);
    }

    [Fact]
    public void A_correct_environment_is_not_accused()
    {
        Assert.Empty(Environments.Check(() => new Clones(), steps: 60));
        Assert.Empty(Environments.Check(() => new Clones().TimeLimit(7).NormalizeReward(), steps: 60));
        Assert.Empty(Environments.Check(() => new Corridor().TimeLimit(7), steps: 60));
        Assert.Empty(Environments.Check(() => new Clones { IsDrawn = true }, steps: 60));
        Assert.Empty(Environments.Check(() => new Blocked(), steps: 60));
    }

    [Fact]
    public void A_clone_that_forgets_and_a_picture_that_changes_something_are_found()
    {
        Assert.Equal(
            ContractRule.Snapshots,
            Assert.Single(Environments.Check(() => new Clones { Forgets = true }, steps: 60)).Rule);
        var drawing =
            Assert.Single(Environments.Check(() => new Clones { IsDrawn = true, DrawingChanges = true }, steps: 60));
        Assert.Equal(ContractRule.Rendering, drawing.Rule);
        Assert.Contains("Let Render read", drawing.Remedy, StringComparison.Ordinal);
        var empty =
            Assert.Single(Environments.Check(() => new Clones { IsDrawn = true, DrawsNothing = true }, steps: 60));
        Assert.True(empty.IsAdvice);
        Assert.Contains("a scene does not change", empty.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void One_fault_is_one_finding_in_the_words_of_a_user()
    {
        ContractFinding Single(int step, Func<StepResult, StepResult> spoil) =>
            Assert.Single(Environments.Check(() => new Corridor { SpoiltStep = step, Spoil = spoil }, steps: 60));

        var reset = Single(0, result => result with { Observation = Array.Empty<float>() });
        Assert.Contains("Reset returned", reset.Problem, StringComparison.Ordinal);
        Assert.StartsWith("Let Reset", reset.Remedy, StringComparison.Ordinal);
        var step = Single(3, _ => throw new InvalidOperationException("kaputt"));
        Assert.Contains("Step threw InvalidOperationException: kaputt", step.Problem, StringComparison.Ordinal);
        Assert.Contains("step 3 of its episode", step.Place, StringComparison.Ordinal);
        var twice = Single(3, result => result with { Terminated = true, Truncated = true });
        Assert.Equal((ContractRule.Truncation, false), (twice.Rule, twice.IsAdvice));
        Assert.Contains("both terminated and truncated", twice.Problem, StringComparison.Ordinal);
        var calls = 0;
        Assert.Equal(ContractRule.Reproducibility, Single(2, result => result with { Reward = calls++ }).Rule);
    }

    [Fact]
    public void Nonsense_is_refused()
    {
        Assert.Throws<ArgumentNullException>(() => Environments.Check((BuiltInEnvironment)null!));
        Assert.Throws<ArgumentNullException>(() => Environments.Check((Func<IEnvironment>)null!));
        Assert.ThrowsAny<ArgumentException>(() => Environments.Check(() => new Corridor(), steps: 0));
    }

    [Fact]
    public void The_command_says_that_an_environment_keeps_the_contract()
    {
        var (code, output, _) =
            Run("check", "FrozenLake-v1", "--steps", "50", "--environment-set", "is_slippery=false");
        Assert.Equal(0, code);
        Assert.Contains("FrozenLake-v1 (is_slippery=false) keeps the contract", output, StringComparison.Ordinal);
        var json =
            JsonDocument.Parse(Run("check", "Chain-v0", "--seed", "4", "--steps", "50", "--json").Output).RootElement;
        Assert.Equal(
            ("check", "Chain-v0", 4, 50, 0),
            (
                json.GetProperty("type").GetString(), json.GetProperty("environment").GetString(),
                json.GetProperty("seed").GetInt32(), json.GetProperty("steps").GetInt32(),
                json.GetProperty("violations").GetInt32()));
        Assert.Empty(json.GetProperty("findings").EnumerateArray());
    }

    [Fact]
    public void The_command_refuses_what_it_does_not_know()
    {
        Assert.Equal(2, Run("check", "Chain-v9").Code);
        Assert.Equal(2, Run("check", "Chain-v0", "--steps", "0").Code);
    }

    private static IEnumerable<ContractFinding> Of(ContractRule rule, Func<StepResult, StepResult> spoil) =>
        Environments.Check(() => new Corridor { SpoiltStep = 3, Spoil = spoil }).Where(finding => finding.Rule == rule);

    /// <summary>Counts, and copies itself.</summary>
    private sealed class Clones : ICloneableEnvironment, IMaskedEnvironment, IRenderable
    {
        private int steps;

        public bool Forgets { get; init; }

        public bool IsDrawn { get; init; }

        public bool DrawingChanges { get; init; }

        public bool DrawsNothing { get; init; }

        public Space ObservationSpace { get; } = Space.Unbounded(1);

        public Space ActionSpace { get; } = Space.Discrete(2);

        public int MaxEpisodeSteps => 10;

        public bool HasActionMask => false;

        public void ActionMask(Span<bool> mask) => throw new InvalidOperationException("There are no masks.");

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = (int)(seed % 5);
            return new float[] { steps };
        }

        public StepResult Step(ReadOnlySpan<float> action) => new(new float[] { ++steps }, action[0] + steps, false);

        public IEnvironment Clone()
        {
            var clone = (Clones)MemberwiseClone();
            clone.steps = Forgets ? 0 : steps;
            return clone;
        }

        public Scene Render()
        {
            if (DrawingChanges)
            {
                steps++;
            }

            var scene = Scene.Create(20, 20);
            return IsDrawn && DrawsNothing ? scene : scene.Disc(5, 5, 1 + steps, "#ff0000");
        }
    }

    /// <summary>Refuses the action that its mask rules out.</summary>
    private sealed class Blocked : IMaskedEnvironment
    {
        private int steps;

        public Space ObservationSpace { get; } = Space.Unbounded(1);

        public Space ActionSpace { get; } = Space.Discrete(3);

        public int MaxEpisodeSteps => 10;

        public void ActionMask(Span<bool> mask)
        {
            mask.Fill(true);
            mask[steps % 3] = false;
        }

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            steps = (int)(seed % 3);
            return new float[] { steps };
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            if (action[0] == steps % 3)
            {
                throw new InvalidOperationException($"{action[0]} is impossible now");
            }

            return new(new float[] { ++steps }, action[0], false);
        }
    }
}
