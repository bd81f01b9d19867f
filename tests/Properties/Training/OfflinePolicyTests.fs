/// Trained policies on recorded episodes: what they find likely, fitted Q evaluation as a linear solve, and the choice
/// of the better of two without an environment.
module Rl.Tests.Training.OfflinePolicyTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives
open Rl.Core.Training
open Rl.Tests.Algorithms
open Rl.Tests.Theorems
open Xunit

/// A policy of the cloning learner's network, not yet trained.
let private policyFor (observations: Space) (actions: Space) hidden seed =
    use workers = new Workers(1)
    let options = [ "Hidden", hidden; "NormaliseObservations", "false" ]
    use learner = FilteredCloning.entry.Create options (RecordedSpaces(observations, actions)) workers
    learner.Policy(learner.Initialise(Rng.create seed))

/// Episodes of a process of 4 states and 2 actions with rewards that depend on both, by random actions.
let private walk count seed : RecordedEpisode[] =
    let mutable rng = Rng.create seed

    let below bound =
        let struct (value, next) = Rng.below bound rng
        rng <- next
        value

    Array.init count (fun _ ->
        let states, actions, rewards = ResizeArray [ below 4 ], ResizeArray(), ResizeArray()
        let mutable ended = false

        while not ended && actions.Count < 12 do
            let state, action = Seq.last states, below 2
            actions.Add action
            rewards.Add(float (state * state) - 6.0 * float action + (if state = 1 && action = 1 then 6.0 else 0.0))
            states.Add(if below 3 = 0 then below 4 else (state + 1 + action) % 4)
            ended <- below 10 = 0

        {
            Observations = states |> Seq.map float32 |> Seq.toArray
            Actions = actions |> Seq.map float32 |> Seq.toArray
            Rewards = rewards.ToArray()
            Terminated = ended
            Truncated = not ended
        })

/// x of A x = b by elimination.
let private solve (a: float[,]) (b: float[]) =
    let n = b.Length
    let a, b = Array2D.copy a, Array.copy b

    for column in 0 .. n - 1 do
        let pivot = Seq.maxBy (fun row -> abs a[row, column]) (seq { column .. n - 1 })

        for k in 0 .. n - 1 do
            let held = a[column, k]
            a[column, k] <- a[pivot, k]
            a[pivot, k] <- held

        let held = b[column]
        b[column] <- b[pivot]
        b[pivot] <- held

        for row in 0 .. n - 1 do
            if row <> column then
                let factor = a[row, column] / a[column, column]

                for k in 0 .. n - 1 do
                    a[row, k] <- a[row, k] - factor * a[column, k]

                b[row] <- b[row] - factor * b[column]

    Array.init n (fun k -> b[k] / a[k, k])

[<Fact>]
let ``fitted Q evaluation with a linear critic is the linear solve`` () =
    let observations, actions = Space.discrete 4, Space.discrete 2

    let everywhere =
        {
            Observations = [| 0.0f; 1.0f; 2.0f; 3.0f |]
            Actions = Array.zeroCreate 3
            Rewards = Array.zeroCreate 3
            Terminated = false
            Truncated = true
        }

    // A policy that does not do the same everywhere.
    let policy =
        Seq.initInfinite (fun seed -> policyFor observations actions "8" (uint64 seed))
        |> Seq.find (fun policy -> Array.sum (OfflinePolicies.actions policy everywhere) = 2.0f)

    let episodes = walk 80 5UL
    let act = OfflinePolicies.actions policy
    // A number for each state, and one for the second action.
    let features state action = Array.init 5 (fun k -> if k = state || k = 4 && action = 1 then 1.0 else 0.0)
    let left, right = Array2D.zeroCreate<float> 5 5, Array.zeroCreate<float> 5

    for episode in episodes do
        let policyActions = act episode

        for step in 0 .. episode.Steps - 1 do
            let own = features (int episode.Observations[step]) (int episode.Actions[step])
            let next = features (int episode.Observations[step + 1]) (int policyActions[step + 1])
            let follows = if step = episode.Steps - 1 && episode.Terminated then 0.0 else 0.8

            for i in 0..4 do
                right[i] <- right[i] + own[i] * episode.Rewards[step]

                for j in 0..4 do
                    left[i, j] <- left[i, j] + own[i] * (own[j] - follows * next[j])

    let solution = solve left right

    let options =
        { OfflineEvaluationOptions.defaults with
            Hidden = []
            Discount = 0.8
            Steps = 6_000
            BatchSize = 128
            LearningRate = 0.02
            TargetRate = 0.05
        }

    use workers = new Workers(1)
    let struct (values, _) = OfflinePolicies.fit options policy episodes (Rng.create 7UL) workers

    for episode in Array.truncate 10 episodes do
        let struct (actionValues, stateValues) = values episode
        let policyActions = act episode

        for step in 0 .. episode.Steps - 1 do
            let exact state action = Array.fold2 (fun sum a b -> sum + a * b) 0.0 (features state action) solution
            let state = int episode.Observations[step]
            Expect.closeNumber 0.06 "q" (exact state (int episode.Actions[step])) actionValues[step]
            Expect.closeNumber 0.06 "v" (exact state (int policyActions[step])) stateValues[step]

[<Fact>]
let ``log-probabilities are those of the actions in the policy's units, however many steps`` () =
    let observations, actions = Space.boxOf -1.0 1.0 [| 2 |], Space.boxOf 0.0 10.0 [| 1 |]
    let policy = policyFor observations actions "8" 4UL
    let mutable rng = Rng.create 8UL
    let steps = 300

    let values (space: Space) rows =
        let result = Array.zeroCreate<float32>(rows * space.Size)

        for row in 0 .. rows - 1 do
            rng <- space.Sample(rng, Span(result, row * space.Size, space.Size))

        result

    let episode =
        {
            Observations = values observations (steps + 1)
            Actions = values actions steps
            Rewards = Array.zeroCreate steps
            Terminated = false
            Truncated = true
        }

    let logs = OfflinePolicies.logProbabilities policy episode
    // The mode of each step, and a normal distribution with ln σ = −1 around it, in units of 5.
    let modes = OfflinePolicies.actions policy episode

    for step in 0 .. steps - 1 do
        // Means beyond the bounds are clipped: their distance is not known from the mode.
        if modes[step] > 0.0f && modes[step] < 10.0f then
            let z = float (episode.Actions[step] - modes[step]) / 5.0 * Math.E
            let expected = -0.5 * z * z + 1.0 - 0.5 * Math.Log(2.0 * Math.PI)
            Assert.Equal(expected, logs[step], 1e-3)

[<Fact>]
let ``the better of two policies is chosen without an environment`` () =
    // The reward is the action: a policy of large actions is better than one of small ones.
    let observations, actions = Space.boxOf -1.0 1.0 [| 1 |], Space.boxOf -1.0 1.0 [| 1 |]
    use workers = new Workers(1)
    let mutable rng = Rng.create 8UL

    let episodes =
        Array.init 60 (fun _ ->
            let mutable acts = Array.zeroCreate<float32> 5
            let shown = Array.zeroCreate<float32> 6

            for index in 0..4 do
                rng <- actions.Sample(rng, Span(acts, index, 1))

            {
                Observations = shown
                Actions = acts
                Rewards = acts |> Array.map float
                Terminated = true
                Truncated = false
            })

    /// A clone of the episodes whose returns are the largest or, with negated rewards, the smallest.
    let clone (data: RecordedEpisode[]) (share: string) =
        let options =
            [ "Hidden", "8"; "BestShare", share; "TotalSteps", "400"; "LearningRate", "0.02"; "RoundSteps", "400" ]

        use learner = FilteredCloning.entry.Create options (RecordedSpaces(observations, actions)) workers
        use learner = LearnerData.Give(Recordings.replayFor learner data, learner)
        let struct (state, _) = learner.Transition(learner.Initialise(Rng.create 1UL))
        learner.Policy state

    let good = clone episodes "0.2"
    let bad = clone (episodes |> Array.map (fun e -> { e with Rewards = Array.map (~-) e.Rewards })) "0.2"
    let behaviour = clone episodes "1"

    let options =
        { OfflineEvaluationOptions.defaults with
            Hidden = [ 16 ]
            Steps = 1_500
            BatchSize = 64
            Resamples = 50
        }

    let estimates policy =
        let struct (estimates, _) =
            OfflinePolicies.evaluate options policy (Some behaviour) episodes (Rng.create 2UL) workers

        estimates

    for better, worse in List.zip (estimates good) (estimates bad) do
        Assert.True(better.Value > worse.Value, $"{better.Estimator}: {better.Value} and {worse.Value}")
        Assert.True(better.Low <= better.High && better.EffectiveEpisodes <= 60.001)

    let struct (direct, _) = OfflinePolicies.evaluate options good None episodes (Rng.create 2UL) workers
    Assert.Equal<OfflineEstimator list>([ OfflineEstimator.Values ], direct |> List.map _.Estimator)
