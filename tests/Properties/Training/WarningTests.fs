/// Warnings: each raised once when it should be, and none in healthy training.
module Rl.Tests.Training.WarningTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training
open Xunit

let private report update (episodes: (float * int) list) metrics : Report =
    {
        Steps = 1000L * int64 update
        Updates = int64 update
        Episodes = [| for total, length in episodes -> ({ Return = total; Length = length }: EpisodeResult) |]
        Metrics = [| for name, value in metrics -> struct (name, value) |]
    }

let private kindsIn space normalises reports =
    Warnings.ofReports space normalises reports |> List.map (fun warning -> warning.Kind)

let private kinds reports = kindsIn (Space.discrete 2) false reports

/// A quiet history: returns that rise, metrics as they should be; `change` alters them by update.
let private history count (change: int -> (string * float) list) =
    [
        for update in 1..count ->
            let changed = change update
            let usual = [ "entropy", 0.6; "approximateKl", 0.01; "clipFraction", 0.1; "explainedVariance", 0.5 ]

            report
                update
                [ 20.0 + float update, 20 ]
                (changed
                 @ (usual |> List.filter (fun (name, _) -> not (List.exists (fun (n, _) -> n = name) changed))))
    ]

[<Fact>]
let ``a quiet history raises nothing`` () = Assert.Empty(kinds (history 60 (fun _ -> [])))

[<Fact>]
let ``a large divergence is named with its epoch, once`` () =
    let warning =
        history 9 (fun update -> if update > 2 then [ "approximateKl", 0.4; "epochs", 1.0 ] else [])
        |> Warnings.ofReports (Space.discrete 2) false
        |> Assert.Single

    Assert.Equal(WarningKind.LargeDivergence, warning.Kind)
    Assert.Equal(3L, warning.Update)
    Assert.Equal("KL 0.4 in epoch 1: learning rate too high?", warning.Message)

[<Fact>]
let ``a trust region's divergence counts as well, and NaN does not`` () =
    Assert.Equal<WarningKind list>([ WarningKind.LargeDivergence ], kinds [ report 1 [] [ "kl", 0.5 ] ])
    Assert.Empty(kinds [ report 1 [] [ "kl", nan; "approximateKl", nan; "explainedVariance", nan; "entropy", nan ] ])

/// A history whose returns go up and down and stay where they are.
let private stagnant count explainedVariance =
    [
        for update in 1..count ->
            report update [ 20.0 + float (update % 3), 20 ] [ "explainedVariance", explainedVariance update ]
    ]

[<Fact>]
let ``values must be useless for twenty updates in a row`` () =
    Assert.Empty(kinds (stagnant 19 (fun _ -> -0.2)))
    Assert.Empty(kinds (stagnant 60 (fun update -> if update % 20 = 0 then 0.1 else -0.2)))

    let warning = stagnant 30 (fun _ -> -0.2) |> Warnings.ofReports (Space.discrete 2) false |> Assert.Single

    Assert.Equal(WarningKind.UselessValues, warning.Kind)
    Assert.Equal(20L, warning.Update)
    Assert.StartsWith("explained variance < 0 for 20 updates", warning.Message)

[<Fact>]
let ``values need not explain returns that rise or no longer vary`` () =
    Assert.Empty(kinds (history 60 (fun _ -> [ "explainedVariance", -0.2 ])))
    Assert.Empty(kinds [ for update in 1..60 -> report update [ 500.0, 500 ] [ "explainedVariance", -5.0 ] ])

[<Fact>]
let ``twenty tiny updates say nothing about the values`` () =
    let tiny =
        [ for update in 1..200 -> { report update [] [ "explainedVariance", -1.0 ] with Steps = 40L * int64 update } ]

    Assert.Empty(kinds tiny)

[<Fact>]
let ``clipping must last`` () =
    let clipped = [ "clipFraction", 0.7 ]
    Assert.Empty(kinds (history 30 (fun update -> if update % 5 = 0 then [] else clipped)))
    Assert.Equal<WarningKind list>([ WarningKind.MostlyClipped ], kinds (history 30 (fun _ -> clipped)))

let private flat entropy = [ for update in 1..30 -> report update [ 9.0, 9; 10.0, 10 ] [ "entropy", entropy update ] ]

[<Fact>]
let ``entropy collapses when the return has not risen`` () =
    let falling update = if update < 4 then 0.69 else 0.001
    Assert.Equal<WarningKind list>([ WarningKind.EntropyCollapse ], kinds (flat falling))
    Assert.Empty(kinds (history 40 (fun update -> [ "entropy", 0.69 / float (update * update) ])))

[<Fact>]
let ``densities collapse below a standard deviation of 0.01 and may be negative above it`` () =
    let numbers = Space.boxOf -1.0 1.0 [| 2 |]
    Assert.Empty(kindsIn numbers false (flat (fun update -> 2.8 - 0.25 * float update)))

    let collapsing = flat (fun update -> if update < 4 then 2.8 else -6.6)
    Assert.Equal<WarningKind list>([ WarningKind.EntropyCollapse ], kindsIn numbers false collapsing)
    // Of choices and numbers together neither scale tells anything.
    Assert.Empty(kindsIn (Space.tuple [ numbers; Space.discrete 2 ]) false collapsing)

[<Fact>]
let ``large rewards are named by their order unless they are normalised`` () =
    let reports = [ report 1 [ -2.5e7, 200; -2.6e7, 200 ] [] ]
    let warning = Assert.Single(Warnings.ofReports (Space.discrete 2) false reports)
    Assert.Equal(WarningKind.LargeRewards, warning.Kind)
    Assert.StartsWith("rewards of order 1e5: normalise", warning.Message)
    Assert.Empty(kindsIn (Space.discrete 2) true reports)

[<Fact>]
let ``returns that never vary are told of, unless one has`` () =
    let same update = report update [ for _ in 1..50 -> -200.0, 200 ] []
    Assert.Equal<WarningKind list>([ WarningKind.ConstantReturns ], kinds [ for update in 1..12 -> same update ])
    Assert.Empty(kinds (report 1 [ -190.0, 190 ] [] :: [ for update in 2..30 -> same update ]))

[<Fact>]
let ``a million steps without an end are told of`` () =
    let endless = [ for update in 1..1200 -> report update [] [] ]
    Assert.Equal<WarningKind list>([ WarningKind.EndlessEpisodes ], kinds endless)
    Assert.Empty(kinds (report 1 [ 1.0, 1 ] [] :: List.tail endless))

let private run id changes updates =
    use workers = new Workers(1)
    let configuration = PpoOptions.ofPairs changes
    use learner = Ppo.create configuration ((Registry.make id).Vectorise 8) workers
    let mutable state = learner.Initialise(Rng.create 3UL)

    let reports =
        [
            for _ in 1..updates do
                let struct (next, report) = learner.Transition state
                state <- next
                report
        ]

    Warnings.ofReports learner.Environment.ActionSpace (state.Rewards.Size > 0) reports

[<Theory>]
[<InlineData("CartPole-v1")>]
[<InlineData("Pendulum-v1")>]
let ``healthy training raises nothing`` (id: string) = Assert.Empty(run id [ "LearningRate", "1e-3" ] 60)

[<Fact>]
let ``a learning rate far too high is noticed`` () =
    let raised = run "CartPole-v1" [ "LearningRate", "0.1" ] 12
    Assert.Contains(raised, (fun warning -> warning.Kind = WarningKind.LargeDivergence))

/// Shows the step, in numbers of the size `scale`.
type private Sized(scale: float32) =
    interface IEnvironment<Rl.Tests.Algorithms.ReachState> with
        member _.Id = "Sized-v0"
        member _.ObservationSpace = Space.unbounded [| 2 |]
        member _.ActionSpace = Space.discrete 2
        member _.MaxEpisodeSteps = 8
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Target = 1.0f; Count = 0 }, rng)

        member _.Step(state, _, rng) =
            let next: Rl.Tests.Algorithms.ReachState = { state with Count = state.Count + 1 }
            struct (next, { Reward = 1.0; Terminated = false; Truncated = next.Count >= 8 }, rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Count
            observation[1] <- scale

/// What is said of sizes in five transitions.
let private ofScales changes (environment: AnyEnvironment) =
    use workers = new Workers(1)
    let options = [ "RolloutSteps", "8"; "MinibatchSize", "16"; "Epochs", "1" ]
    use learner = Ppo.create (PpoOptions.ofPairs (options @ changes)) (environment.Vectorise 4) workers
    let mutable state = learner.Initialise(Rng.create 3UL)
    let mutable watch = Warnings.start learner.Environment.ActionSpace false

    [
        for _ in 1..5 do
            let struct (next, _) = learner.Transition state
            state <- next
            let struct (after, raised) = ScaleWarnings.observe learner state watch
            watch <- after
            yield! raised
    ]

[<Fact>]
let ``large observations are told of once, unless they are normalised`` () =
    let warning = Assert.Single(ofScales [] (AnyEnvironment.Pack(Sized -3e4f)))
    Assert.Equal(WarningKind.LargeObservations, warning.Kind)
    Assert.Equal("component 1 of the observations is of order 1e4: normalise them", warning.Message)
    Assert.Equal(1L, warning.Update)
    Assert.Empty(ofScales [ "NormaliseObservations", "true" ] (AnyEnvironment.Pack(Sized -3e4f)))
    Assert.Empty(ofScales [] (AnyEnvironment.Pack(Sized 300.0f)))

[<Theory>]
[<InlineData(0.0, 12.0, true)>]
[<InlineData(0.0, 0.1, true)>]
[<InlineData(-100.0, 100.0, true)>]
[<InlineData(-2.0, 2.0, false)>]
[<InlineData(0.0, 1.0, false)>]
let ``bounds that an unscaled policy hardly meets are told of`` (low: float, high: float, isTold: bool) =
    let environment = AnyEnvironment.Pack(Rl.Tests.Algorithms.Reach(low, high))
    let told = ofScales [ "ActionScaling", "none" ] environment |> List.map _.Kind
    Assert.Equal<WarningKind list>((if isTold then [ WarningKind.UnscaledActions ] else []), told)
    Assert.Empty(ofScales [] environment)
