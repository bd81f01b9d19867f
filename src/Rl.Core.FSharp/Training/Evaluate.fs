/// How good a policy is: returns of whole episodes, without bias towards short ones.
namespace Rl.Core.Training

open System
open System.Threading
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning

/// Episodes of a policy, ordered by copy, then by time.
type Evaluation =
    {
        /// The undiscounted return of each episode.
        Returns: float[]
        /// The number of steps of each episode.
        Lengths: int[]
        /// Whether each ended by itself; else its time was over.
        Terminated: bool[]
    }

    /// (1/E) Σ Rᵢ: the estimate of J(θ) of equation 8 (slide 13).
    member this.Mean = Array.average this.Returns

    /// √(Σ (Rᵢ − mean)² / (E − 1)); 0 for a single episode.
    member this.StandardDeviation =
        if this.Returns.Length < 2 then
            0.0
        else
            let mean = this.Mean
            let squares = this.Returns |> Array.sumBy (fun value -> (value - mean) * (value - mean))
            Math.Sqrt(squares / float (this.Returns.Length - 1))

    /// Standard deviation / √E: that of the mean.
    member this.StandardError = this.StandardDeviation / Math.Sqrt(float this.Returns.Length)

/// Running episodes.
[<RequireQualifiedAccess>]
module Evaluate =

    /// Steps after which an episode without a time limit is held to be endless.
    [<Literal>]
    let LongestEpisode = 100_000

    /// Runs `episodes` ≥ 1 episodes over the copies of an environment, which is reset from `key` first. Each copy runs
    /// a number of episodes that is fixed beforehand, equal but for one: counting whichever episodes end first would
    /// favour short ones. Wrappers of the environment show what they showed in training: they take the model's
    /// statistics, frozen. A batch that a learner trains in may be given; the learner then restores its own state (and
    /// begins new episodes in users' environments, whose state is not known). `deterministic`: take the most probable
    /// actions, else draw them. `OperationCanceledException` between two steps; `InvalidOperationException` where an
    /// environment without a time limit does not end an episode in `LongestEpisode` steps.
    let run
        (model: PolicyModel)
        (environment: BatchEnvironment)
        (episodes: int)
        (deterministic: bool)
        (key: Rng)
        (cancellation: CancellationToken)
        : Evaluation =
        Guard.positive (nameof episodes) episodes

        if
            environment.ObservationSpace <> model.ObservationSpace
            || environment.ActionSpace <> model.ActionSpace
        then
            Guard.fail
                (nameof environment)
                ($"{environment.Id} has observations {environment.ObservationSpace} and actions "
                 + $"{environment.ActionSpace}; the policy needs {model.ObservationSpace} and {model.ActionSpace}.")

        environment.RequireSameStep()
        // A learner that trains in this batch goes on from its own state, not from where the evaluation leaves it.
        environment.Users <- environment.Users + 1L
        let copies = environment.Count
        environment.RestoreStatistics(model.WrapperStatistics, true)
        let struct (environmentKey, actionKey) = Rng.split key
        let struct (actionKeys, _) = Rng.splitMany copies actionKey
        let predictor = Predictor(model, copies)
        let buffers = environment.AllocateBuffers()
        let actions = Array.zeroCreate<float32>(copies * environment.ActionSize)
        // Copy n runs the episodes first[n] … first[n + 1] − 1.
        let first = Array.init (copies + 1) (fun copy -> int (int64 copy * int64 episodes / int64 copies))
        let next = Array.sub first 0 copies
        let returns = Array.zeroCreate<float> episodes
        let lengths = Array.zeroCreate<int> episodes
        let terminated = Array.zeroCreate<bool> episodes
        let mutable missing = episodes
        let lasted = Array.zeroCreate<int> copies
        let masks = Array.zeroCreate<bool>(if environment.HasActionMasks then copies * predictor.Choices else 0)
        environment.Reset environmentKey
        environment.Observe buffers.Observations.Span

        while missing > 0 do
            cancellation.ThrowIfCancellationRequested()
            if masks.Length > 0 then environment.ActionMasks(0, copies, Span masks)
            let observations = Span.op_Implicit buffers.Observations.Span

            if deterministic then
                predictor.Predict(observations, ReadOnlySpan masks, Span actions)
            else
                predictor.Sample(observations, ReadOnlySpan masks, Span actions, Span actionKeys)

            environment.StepAll(ReadOnlySpan actions, buffers)

            for copy in 0 .. copies - 1 do
                if buffers.EpisodeLengths.Span[copy] > 0 then
                    predictor.Forget copy
                    lasted[copy] <- 0
                else
                    lasted[copy] <- lasted[copy] + 1

                if environment.MaxEpisodeSteps = 0 && lasted[copy] >= LongestEpisode then
                    invalidOp (
                        $"{environment.Id} has no time limit, and an episode has lasted {LongestEpisode} steps; "
                        + "give it one to be evaluated, by the wrapper TimeLimit or its own MaxEpisodeSteps."
                    )

                if buffers.EpisodeLengths.Span[copy] > 0 && next[copy] < first[copy + 1] then
                    returns[next[copy]] <- buffers.EpisodeReturns.Span[copy]
                    lengths[next[copy]] <- buffers.EpisodeLengths.Span[copy]
                    terminated[next[copy]] <- buffers.Terminated.Span[copy]
                    next[copy] <- next[copy] + 1
                    missing <- missing - 1

        { Returns = returns; Lengths = lengths; Terminated = terminated }
