using System;
using System.Linq;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Environments with goals: the library's, within wrappers, and a user's own.</summary>
public sealed class GoalTests
{
    private const StringComparison Text = StringComparison.Ordinal;

    [Fact]
    public void The_library_s_goals_are_worth_what_their_steps_pay()
    {
        var environment = Environments.Make("BitFlipping-v0", ("bits", "4"));
        Assert.True(environment.HasGoals);
        var parts = environment.ObservationSpace.Layout.ToDictionary(part => part.Path);
        for (var seed = 1UL; seed < 30; seed++)
        {
            environment.Reset(seed);
            StepResult result;
            do
            {
                result = environment.Step((int)(seed % 4));
                var achieved = Part(result, parts["achieved_goal"]);
                var desired = Part(result, parts["desired_goal"]);
                Assert.Equal(result.Reward, environment.ComputeReward(achieved, desired));
                Assert.Equal(result.Terminated, environment.ComputeTerminated(achieved, desired));
                Assert.Equal(0, environment.ComputeReward(achieved, achieved));
            }
            while (!result.IsOver);
        }
    }

    [Fact]
    public void An_environment_without_goals_says_so()
    {
        var environment = Environments.Make("CartPole-v1");
        Assert.False(environment.HasGoals);
        var error = Assert.Throws<InvalidOperationException>(() => environment.ComputeReward([0], [0]));
        Assert.Contains("CartPole-v1", error.Message, Text);
        Assert.Contains("IGoalEnvironment", error.Message, Text);
    }

    [Fact]
    public void A_goal_of_another_length_is_refused_by_name()
    {
        var environment = Environments.Make("BitFlipping-v0");
        float[] whole = new float[15], part = new float[3];
        var desired = Assert.ThrowsAny<ArgumentException>(() => environment.ComputeReward(whole, part));
        Assert.Equal("desiredGoal", desired.ParamName);
        var achieved = Assert.ThrowsAny<ArgumentException>(() => environment.ComputeTerminated(part, whole));
        Assert.Equal("achievedGoal", achieved.ParamName);
    }

    [Fact]
    public void Goals_pass_through_wrappers_or_the_wrapper_is_named()
    {
        var passing = Environments.Make("PointReach-v0")
            .FlattenObservation()
            .TransformReward("tenfold", reward => 10 * reward)
            .TimeLimit(5);
        Assert.True(passing.HasGoals);
        Assert.Equal(-10, passing.ComputeReward([0, 0], [1, 0]));
        Assert.Equal(0, passing.ComputeReward([0, 0], [0, 0.04f]));
        Assert.False(passing.ComputeTerminated([0, 0], [0, 0]));

        var stacked = Environments.Make("PointReach-v0").FlattenObservation().FrameStackObservation(2);
        Assert.False(stacked.HasGoals);
        var error = Assert.Throws<InvalidOperationException>(() => stacked.ComputeReward([0, 0], [0, 0]));
        Assert.Contains("FrameStackObservation", error.Message, Text);
    }

    [Fact]
    public void One_s_own_goals_keep_the_contract()
    {
        Assert.Empty(Environments.Check(() => new Reach(), steps: 60));
        Assert.Empty(Environments.Check(() => new Within(new Reach()), steps: 60));
        Assert.Empty(Environments.Check(() => new Reach().TimeLimit(4), steps: 60));

        // Integers are seen as integers, also through the library's wrappers.
        var wrapped = new Reach().TimeLimit(4);
        Assert.Equal(-3, wrapped.ComputeReward([1], [4]));
        Assert.True(wrapped.ComputeTerminated([2], [2]));
    }

    [Fact]
    public void Goals_that_are_not_worth_what_steps_pay_are_one_finding()
    {
        var reward = Assert.Single(Environments.Check(() => new Reach { Bonus = 1 }, steps: 60));
        Assert.Equal((ContractRule.Goals, false), (reward.Rule, reward.IsAdvice));
        Assert.Contains("the step paid", reward.Problem, Text);
        Assert.Contains("ComputeReward", reward.Remedy, Text);

        var end = Assert.Single(Environments.Check(() => new Reach { GoesOn = true }, steps: 60));
        Assert.Equal(ContractRule.Goals, end.Rule);
        Assert.Contains("ComputeTerminated", end.Problem, Text);

        static double Refuse(float distance) => throw new NotSupportedException("not today");
        var broken = Assert.Single(Environments.Check(() => new Reach { Worth = Refuse }, steps: 60));
        Assert.Equal(ContractRule.Goals, broken.Rule);
        Assert.Contains("ComputeReward threw NotSupportedException: not today", broken.Problem, Text);

        var silent = Assert.Single(Environments.Check(() => new Reach { HasGoals = false }, steps: 60));
        Assert.Equal((ContractRule.Goals, true), (silent.Rule, silent.IsAdvice));
    }

    [Fact]
    public void A_wrapper_of_a_user_s_that_changes_observations_hides_the_goals()
    {
        Assert.Empty(Environments.Check(() => new Within(new Reach()) { Hides = true }, steps: 60));
        Assert.False(new Within(new Reach()) { Hides = true }.TimeLimit(4).HasGoals);
        Assert.True(new Within(new Reach()).TimeLimit(4).HasGoals);
    }

    [Fact]
    public void Goals_of_two_shapes_and_observations_without_goals_are_refused()
    {
        var goal = Space.Discrete(5);
        var other = Space.Dict(("observation", goal), ("achieved_goal", goal), ("desired_goal", Space.Discrete(6)));
        var error = Assert.Throws<ArgumentException>(
            () => Agent.Create(new PpoOptions(), () => new Reach { ObservationSpace = other }, 1));
        Assert.Contains("ObservationSpace of Reach", error.Message, Text);
        Assert.Contains("give both the same space", error.Message, Text);

        var bare = Space.Discrete(5);
        var finding = Assert.Single(Environments.Check(() => new Reach { ObservationSpace = bare }, steps: 60));
        Assert.Contains("achieved_goal", finding.Problem, Text);
    }

    [Fact]
    public void An_agent_trains_where_there_are_goals()
    {
        var options = new PpoOptions { RolloutSteps = 32, EnvironmentCopies = 2, MinibatchSize = 32, Threads = 1 };
        using var agent = Agent.Create(options, () => new Reach(), 1);
        agent.Train(128);
        Assert.Equal(3, agent.ObservationSpace.Size);
    }

    private static ReadOnlySpan<float> Part(StepResult result, SpacePart part) =>
        result.Observation.Span.Slice(part.Offset, part.Space.Size);

    /// <summary>A step to the left or right among five places, to a place that the episode wants.</summary>
    private sealed class Reach : IGoalEnvironment
    {
        private static readonly Space Place = Space.Discrete(5);
        private int place;
        private int goal;

        public Space ObservationSpace { get; init; } =
            Space.Dict(("observation", Place), ("achieved_goal", Place), ("desired_goal", Place));

        public Space ActionSpace { get; } = Space.Discrete(2);

        public int MaxEpisodeSteps => 12;

        public bool HasGoals { get; init; } = true;

        /// <summary>What steps pay besides.</summary>
        public double Bonus { get; init; }

        /// <summary>Whether an episode goes on at the goal, against what is said.</summary>
        public bool GoesOn { get; init; }

        /// <summary>The reward of a distance.</summary>
        public Func<float, double> Worth { get; init; } = distance => -distance;

        public ReadOnlyMemory<float> Reset(ulong seed)
        {
            place = (int)(seed % 5);
            goal = (int)(seed / 5 % 5);
            return Observe();
        }

        public StepResult Step(ReadOnlySpan<float> action)
        {
            place = Math.Clamp(place + (action[0] == 1 ? 1 : -1), 0, 4);
            return new(Observe(), Bonus - Math.Abs(place - goal), place == goal && !GoesOn);
        }

        public double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
            Worth(Math.Abs(achievedGoal[0] - desiredGoal[0]));

        public bool ComputeTerminated(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
            achievedGoal[0] == desiredGoal[0];

        private float[] Observe() => ObservationSpace.Size == 1 ? [place] : [place, place, goal];
    }

    /// <summary>A user's wrapper, which may show the place alone.</summary>
    private sealed class Within(IEnvironment inner) : IEnvironmentWrapper
    {
        public bool Hides { get; init; }

        public IEnvironment Inner => inner;

        public Space ObservationSpace => Hides ? Space.Discrete(5) : inner.ObservationSpace;

        public Space ActionSpace => inner.ActionSpace;

        public int MaxEpisodeSteps => inner.MaxEpisodeSteps;

        public ReadOnlyMemory<float> Reset(ulong seed) => Shown(inner.Reset(seed));

        public StepResult Step(ReadOnlySpan<float> action)
        {
            var result = inner.Step(action);
            return result with { Observation = Shown(result.Observation) };
        }

        private ReadOnlyMemory<float> Shown(ReadOnlyMemory<float> observation) =>
            Hides ? observation[..1] : observation;
    }
}
