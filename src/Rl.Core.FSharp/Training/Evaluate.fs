/// How good a policy is: returns of whole episodes, without bias towards short ones.
namespace Rl.Core.Training

open System
open System.Threading
open Rl.Core.Acting
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
        /// Whether each had reached its goal in its last state, where the environment tells `is_success` (`IInfo`);
        /// empty elsewhere.
        Succeeded: bool[]
    }

    /// The share of episodes that succeeded; NaN where the environment does not tell.
    member this.SuccessRate =
        if this.Succeeded.Length = 0 then
            nan
        else
            float (this.Succeeded |> Array.filter id |> Array.length) / float this.Succeeded.Length

    /// (1/E) Σ Rᵢ: the estimate of J(θ) of equation 8 (slide 13).
    member this.Mean = Array.average this.Returns

    /// √(Σ (Rᵢ − mean)² / (E − 1)); NaN for a single episode, of which nothing follows about others.
    member this.StandardDeviation =
        if this.Returns.Length < 2 then
            nan
        else
            let mean = this.Mean
            let squares = this.Returns |> Array.sumBy (fun value -> (value - mean) * (value - mean))
            Math.Sqrt(squares / float (this.Returns.Length - 1))

    /// Standard deviation / √E: that of the mean; NaN for a single episode.
    member this.StandardError = this.StandardDeviation / Math.Sqrt(float this.Returns.Length)

/// Running episodes.
[<RequireQualifiedAccess>]
module Evaluate =

    /// Steps after which an episode without a time limit is held to be endless.
    [<Literal>]
    let LongestEpisode = 100_000

    /// What environments call it in their `info` that a goal is reached, as Gymnasium's robots do.
    [<Literal>]
    let SuccessName = "is_success"

    /// Episodes over the copies of an environment, which is reset from `key`. `act` writes the actions for what the
    /// buffers and masks show in the copies that are still asked; `earn` is told each copy's reward, and `forget` where
    /// an episode begins.
    let private episodesOf
        (environment: BatchEnvironment)
        (episodes: int)
        (key: Rng)
        (cancellation: CancellationToken)
        (earn: int -> float -> unit)
        (forget: int -> unit)
        (act: StepBuffers -> bool[] -> bool[] -> float32[] -> unit)
        : Evaluation =
        let copies = environment.Count
        let buffers = environment.AllocateBuffers()
        let actions = Array.zeroCreate<float32>(copies * environment.ActionSize)
        // Copy n runs the episodes first[n] … first[n + 1] − 1.
        let first = Array.init (copies + 1) (fun copy -> int (int64 copy * int64 episodes / int64 copies))
        let next = Array.sub first 0 copies
        let isAsked = Array.init copies (fun copy -> next[copy] < first[copy + 1])
        let returns = Array.zeroCreate<float> episodes
        let lengths = Array.zeroCreate<int> episodes
        let terminated = Array.zeroCreate<bool> episodes
        let success = environment.InfoNames |> List.tryFindIndex ((=) SuccessName)
        let told = Array.zeroCreate<float> environment.InfoNames.Length
        let succeeded = Array.zeroCreate<bool>(if success.IsSome then episodes else 0)
        let mutable missing = episodes
        let lasted = Array.zeroCreate<int> copies
        let choices = if environment.HasActionMasks then environment.ActionSpace.Choices else 0
        let masks = Array.zeroCreate<bool>(copies * choices)
        environment.Reset key
        environment.Observe buffers.Observations.Span

        while missing > 0 do
            cancellation.ThrowIfCancellationRequested()
            if masks.Length > 0 then environment.ActionMasks(0, copies, Span masks)
            act buffers masks isAsked actions
            environment.StepAll(ReadOnlySpan actions, buffers)

            for copy in 0 .. copies - 1 do
                if buffers.EpisodeLengths.Span[copy] > 0 then
                    forget copy
                    lasted[copy] <- 0
                else
                    earn copy (float buffers.Rewards.Span[copy])
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

                    match success with
                    | Some index when environment.ReadInfo(copy, true, Span told) ->
                        succeeded[next[copy]] <- told[index] > 0.0
                    | _ -> ()

                    next[copy] <- next[copy] + 1
                    isAsked[copy] <- next[copy] < first[copy + 1]
                    missing <- missing - 1

        { Returns = returns; Lengths = lengths; Terminated = terminated; Succeeded = succeeded }

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

        episodesOf
            environment
            episodes
            environmentKey
            cancellation
            (fun copy reward -> predictor.Earn(copy, reward))
            (fun copy -> predictor.Forget copy)
            (fun buffers masks _ actions ->
                let observations = Span.op_Implicit buffers.Observations.Span

                if deterministic then
                    predictor.Predict(observations, ReadOnlySpan masks, Span actions)
                else
                    predictor.Sample(observations, ReadOnlySpan masks, Span actions, Span actionKeys))

    /// `run` for whoever plays: `player n` acts in copy n alone, with draws that are its own, so that neither the
    /// number of threads nor what happens in other copies matters. Wrappers of the environment learn nothing.
    let play
        (player: int -> IPlayer)
        (environment: BatchEnvironment)
        (episodes: int)
        (key: Rng)
        (workers: Workers)
        (cancellation: CancellationToken)
        : Evaluation =
        Guard.positive (nameof episodes) episodes
        environment.RequireSameStep()
        environment.Users <- environment.Users + 1L
        environment.RestoreStatistics(environment.Statistics, true)
        let copies = environment.Count
        let struct (environmentKey, actionKey) = Rng.split key
        let struct (keys, _) = Rng.splitMany copies actionKey
        let players = Array.init copies player
        let observationSize, actionSize = environment.ObservationSize, environment.ActionSize

        // Made at the first step and kept: workers know what is shared by it, and a new one each step would allocate.
        let mutable share = Action<int>(ignore)
        let mutable isMade = false

        for player in players do
            player.Begin()

        episodesOf
            environment
            episodes
            environmentKey
            cancellation
            (fun copy reward ->
                match players[copy] with
                | :? IRewardedPlayer as player -> player.Earn reward
                | _ -> ())
            (fun copy -> players[copy].Begin())
            (fun buffers masks isAsked actions ->
                if not isMade then
                    isMade <- true
                    let choices = masks.Length / copies

                    share <-
                        Action<int>(fun copy ->
                            if isAsked[copy] then
                                let first = copy * observationSize
                                let observation = buffers.Observations.Span.Slice(first, observationSize)

                                keys[copy] <-
                                    players[copy]
                                        .Act(
                                            Span.op_Implicit observation,
                                            ReadOnlySpan(masks, copy * choices, choices),
                                            Span(actions, copy * actionSize, actionSize),
                                            keys[copy]
                                        ))

                workers.Run(copies, share))
