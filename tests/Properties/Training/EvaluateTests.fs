/// Evaluations: episodes counted without favouring short ones.
[<FsCheck.Xunit.Properties(Replay = "(4719025,4719027)")>]
module Rl.Tests.Training.EvaluateTests

open System
open System.Threading
open FsCheck.Xunit
open Xunit
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Algorithms
open Rl.Core.Training

/// Half of the episodes last 1 step with return 0, the other half 9 steps with return 9; the seed decides.
type private ShortOrLong() =
    let mutable left = 0
    let mutable isLong = false

    interface IMutableEnvironment with
        member _.ObservationSpace = Space.unbounded [| 1 |]
        member _.ActionSpace = Space.discrete 2
        member _.MaxEpisodeSteps = 0

        member _.Reset(seed, observation) =
            isLong <- seed &&& 1UL = 1UL
            left <- if isLong then 9 else 1
            observation[0] <- 0.0f

        member _.Step(_, observation) =
            left <- left - 1
            observation[0] <- float32 left

            { Reward = (if isLong then 1.0 else 0.0); Terminated = (left = 0); Truncated = false }

let private batch copies =
    External("ShortOrLong", nan, copies, Func<_, _>(fun _ -> ShortOrLong() :> IMutableEnvironment))

let private policy (observations: Space) (actions: Space) : PolicyModel =
    let network = Actor.create Activation.Tanh observations.Size [ 4 ] (Policy.headFor 0.0 actions)

    {
        Network = network
        ObservationSpace = observations
        ActionSpace = actions
        Parameters = Array.zeroCreate (Actor.layout network).Count
        Observations = RunningStatistics.create 0
        WrapperStatistics = []
        Plans = None
    }

let private evaluate copies episodes seed =
    let environment = batch copies
    let model = policy environment.ObservationSpace environment.ActionSpace
    Evaluate.run model environment episodes true (Rng.create seed) CancellationToken.None

[<Fact>]
let ``the mean is unbiased: short episodes do not push out long ones`` () =
    let episodes = [| for seed in 1UL .. 500UL -> (evaluate 4 4 seed).Returns |] |> Array.concat
    let mean = Array.average episodes
    // 2000 returns of 0 or 9: the mean's standard error is 0.1. Counting the first four to end would give less than 2.
    Assert.InRange(mean, 4.0, 5.0)

[<Property(MaxTest = 50)>]
let ``as many episodes are run as asked for, each whole, whatever the number of copies``
    (copies: byte)
    (episodes: byte)
    (seed: uint64)
    =
    let copies, episodes = 1 + int copies % 6, 1 + int episodes % 20
    let result = evaluate copies episodes seed

    result.Returns.Length = episodes
    && Array.forall2
        (fun total length -> (total = 0.0 && length = 1) || (total = 9.0 && length = 9))
        result.Returns
        result.Lengths

[<Property(MaxTest = 20)>]
let ``the same key gives the same episodes`` (seed: uint64) = evaluate 3 10 seed = evaluate 3 10 seed

[<Fact>]
let ``mean, deviation and error are those of the formulas`` () =
    let result =
        {
            Returns = [| 1.0; 2.0; 3.0; 6.0 |]
            Lengths = [| 1; 1; 1; 1 |]
            Terminated = Array.create 4 true
            Succeeded = [||]
        }

    Assert.Equal(3.0, result.Mean, 12)
    Assert.Equal(sqrt (14.0 / 3.0), result.StandardDeviation, 12)
    Assert.Equal(sqrt (14.0 / 3.0) / 2.0, result.StandardError, 12)

    Assert.Equal(
        nan,
        { Returns = [| 5.0 |]; Lengths = [| 1 |]; Terminated = [| true |]; Succeeded = [||] }.StandardDeviation
    )

[<Fact>]
let ``the share of successes is that of last states at their goal`` () =
    // No policy that stands still reaches a goal nearer than a millionth; half a metre is half of the way.
    let run (tolerance: float) =
        let batch = (Registry.makeWith [ "tolerance", KeywordValue.Number tolerance ] "ArmReach-v0").Vectorise 3
        let model = policy batch.ObservationSpace batch.ActionSpace
        Evaluate.run model batch 40 true (Rng.create 1UL) CancellationToken.None

    let near, middle, far = run 1e-6, run 0.4, run 10.0
    Assert.Equal(0.0, near.SuccessRate)
    Assert.Equal(1.0, far.SuccessRate)
    Assert.InRange(middle.SuccessRate, 0.05, 0.95)
    // Sparse rewards of an arm at rest are 0 in its last state or nowhere else.
    Assert.Equal(40, middle.Succeeded.Length)
    Assert.True(Double.IsNaN { far with Succeeded = [||] }.SuccessRate)

[<Fact>]
let ``drawn actions differ from the most probable ones`` () =
    let environment = (Registry.make "CartPole-v1").Vectorise 4
    let model = policy environment.ObservationSpace environment.ActionSpace
    // All logits are 0: the most probable action is always the first, and the pole falls within a few steps.
    let run deterministic =
        (Evaluate.run model environment 40 deterministic (Rng.create 1UL) CancellationToken.None).Mean

    Assert.InRange(run true, 8.0, 11.0)
    Assert.InRange(run false, 15.0, 35.0)

[<Fact>]
let ``an environment with other spaces is refused naming both`` () =
    let environment = (Registry.make "Pendulum-v1").Vectorise 2
    let model = policy (Space.unbounded [| 3 |]) (Space.discrete 2)

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            Evaluate.run model environment 1 true (Rng.create 1UL) CancellationToken.None |> ignore)

    Assert.Contains("Pendulum-v1", error.Message)
    Assert.Contains("Discrete(2)", error.Message)

[<Fact>]
let ``an evaluation stops between two steps when it is cancelled`` () =
    let environment = batch 2
    let model = policy environment.ObservationSpace environment.ActionSpace
    use source = new CancellationTokenSource()
    source.Cancel()

    Assert.Throws<OperationCanceledException>(fun () ->
        Evaluate.run model environment 1_000_000 true (Rng.create 1UL) source.Token |> ignore)
    |> ignore

[<Fact>]
let ``no episodes are refused`` () = Assert.ThrowsAny<ArgumentException>(fun () -> evaluate 2 0 1UL |> ignore) |> ignore

[<Fact>]
let ``an episode that does not end is refused where there is no time limit`` () =
    let environment = Vectorised(Rl.Tests.Environments.Scripted Rl.Tests.Environments.Scripted.Quiet, 2)

    let model =
        policy (environment :> BatchEnvironment).ObservationSpace (environment :> BatchEnvironment).ActionSpace

    let error =
        Assert.Throws<InvalidOperationException>(fun () ->
            Evaluate.run model environment 1 true (Rng.create 1UL) CancellationToken.None |> ignore)

    Assert.Contains("TimeLimit", error.Message)

[<Fact>]
let ``an evaluation on a learner's own batch changes nothing of its training`` () =
    let options = [ "RolloutSteps", "16"; "MinibatchSize", "16"; "Epochs", "1"; "TotalSteps", "1000" ]

    let train evaluates =
        use workers = new Workers(1)

        let environment =
            Rl.Core.Wrappers.Wrapper.apply
                [ Rl.Core.Wrappers.Wrapper.NormalizeObservation 1e-8 ]
                ((Registry.make "CartPole-v1").Vectorise 2)

        use learner = Ppo.create (PpoOptions.ofPairs options) environment workers
        let mutable state = learner.Initialise(Rng.create 3UL)

        for _ in 1..3 do
            let struct (next, _) = learner.Transition state
            state <- next

            if evaluates then
                let model = learner.Policy state
                Evaluate.run model environment 5 false (Rng.create 9UL) CancellationToken.None |> ignore

        state.Parameters, state.Environments.Statistics |> List.map _.Count

    let parameters, counts = train false
    let evaluated, countsOfEvaluated = train true
    Assert.Equal<float list>(counts, countsOfEvaluated)
    Assert.Equal<float32[]>(parameters, evaluated)
