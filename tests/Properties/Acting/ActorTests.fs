/// Actors of every kind act, are saved and are evaluated: also those that no learner of the library makes yet.
module Rl.Tests.Acting.ActorTests

open System
open System.Threading
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Xunit

/// One of every kind.
let private kinds: ActionDistribution list =
    [
        CategoricalPolicy.create 3
        MultiCategoricalPolicy.create [ 2; 3 ]
        BernoulliPolicy.create 2
        DiagonalNormalPolicy.create 2 -0.5
        DiagonalNormalPolicy.stateDependent 2
        StateDependentExplorationPolicy.create 2 4 -1.0
        SquashedNormalPolicy.create 2 -5.0 2.0
        MixtureNormalPolicy.create 2 3 -5.0 2.0
        DeterministicPolicy.create 2
        GreedyPolicy.create 3
        BranchingGreedyPolicy.create false [ 2; 3 ]
        BranchingGreedyPolicy.create true [ 2; 3 ]
        CategoricalReturnPolicy.create true 3 5 -1.0 2.0
        CategoricalReturnPolicy.create false 3 5 -1.0 2.0
        QuantileReturnPolicy.create true 2 4
        QuantileReturnPolicy.create false 2 4
        PermittedGreedyPolicy.create 3 0.3
        JointPolicy.create
            [
                DiagonalNormalPolicy.create 1 -0.5
                JointPolicy.create [ BernoulliPolicy.create 1; SquashedNormalPolicy.create 1 -3.0 1.0 ]
                GreedyPolicy.create 2
            ]
    ]

[<Fact>]
let ``a format makes its distribution again, and another format another`` () =
    for one in kinds do
        for other in kinds do
            let again = ActionDistributions.ofFormat one.Format
            Assert.Equal(obj.ReferenceEquals(one, other), again.Equals other)

        let again = ActionDistributions.ofFormat one.Format
        // Files refuse others.
        Assert.All(one.Format.Sizes, (fun size -> Assert.InRange(size, 1, 65536)))
        let sizes (d: ActionDistribution) = d.Outputs, d.ActionSize, d.Choices, d.Deviations, d.Parameters.Count
        Assert.Equal(sizes one, sizes again)

[<Fact>]
let ``unknown names and numbers that do not fit are refused`` () =
    for format in
        [
            { Name = "oracle"; Sizes = [ 1 ]; Numbers = []; Parts = [] }
            { Name = "categorical"; Sizes = [ 1; 2 ]; Numbers = []; Parts = [] }
            { Name = "diagonalNormal"; Sizes = [ 1 ]; Numbers = []; Parts = [] }
            { Name = "joint"; Sizes = []; Numbers = []; Parts = [] }
        ] do
        let error = Assert.Throws<ArgumentException>(fun () -> ActionDistributions.ofFormat format |> ignore)
        Assert.Contains(format.Name, error.Message)

let private random (count: int) (seed: uint64) =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 value)

let private row (values: float32[]) = Expr.reshape [| 1; values.Length |] (Expr.vector (values |> Array.map float))

let private output (outputs: float32[]) : ActorOutput =
    { Policy = row outputs; LogStandardDeviation = None; Features = None; Value = Expr.number 0.0 }

/// The kinds whose distribution follows from the outputs alone, with a density or a mass.
let private densities =
    kinds
    |> List.filter (fun kind ->
        kind.Parameters.Count = 0
        && not (
            List.contains
                kind.Format.Name
                [
                    "deterministic"
                    "greedy"
                    "branchingGreedy"
                    "duelingBranchingGreedy"
                    "joint"
                    "categoricalReturn"
                    "quantileReturn"
                    "permittedGreedy"
                ]
        ))

[<Property(MaxTest = 50)>]
let ``the log-probability of a sample is what learning computes for it`` (seed: uint64) =
    densities
    |> List.forall (fun kind ->
        let outputs = random kind.Outputs seed
        let action = Array.zeroCreate<float32> kind.ActionSize

        let struct (sampled, _) =
            kind.Sample.Invoke(ReadOnlySpan outputs, ReadOnlySpan.Empty, Span action, Rng.create (seed + 1UL))

        let struct (computed, _) = kind.Evaluate (output outputs) (row action)
        let computed = (Reference.evaluate computed)[0]
        // tanh of a large u rounds to ±1 at float32, where its logarithm is lost.
        Array.exists (fun value -> abs value > 0.999f) action && kind.Format.Name = "squashedNormal"
        || abs (float sampled - computed) < 1e-3 * (1.0 + abs computed))

[<Property(MaxTest = 50)>]
let ``divergences are 0 of equal policies and positive of others`` (seed: uint64) =
    // That of mixtures has no closed form.
    densities
    |> List.filter (fun kind -> kind.Format.Name <> "mixtureNormal")
    |> List.forall (fun kind ->
        let p, q = output (random kind.Outputs seed), output (random kind.Outputs (seed + 1UL))
        let kl p q = (Reference.evaluate (kind.Kl p q))[0]
        abs (kl p p) < 1e-9 && kl p q > 0.0)

[<Fact>]
let ``what a policy has not is refused by its name`` () =
    let mixture = MixtureNormalPolicy.create 2 3 -5.0 2.0
    let noKl () = mixture.Kl (output (Array.zeroCreate mixture.Outputs)) (output (Array.zeroCreate mixture.Outputs))
    Assert.Contains("mixtureNormal", (Assert.Throws<ArgumentException>(fun () -> noKl () |> ignore)).Message)

    for kind in [ DeterministicPolicy.create 2; GreedyPolicy.create 3; BranchingGreedyPolicy.create true [ 2; 3 ] ] do
        let outputs = output (Array.zeroCreate kind.Outputs)

        let refused (action: unit -> unit) =
            Assert.Contains(kind.Format.Name, (Assert.Throws<ArgumentException> action).Message)

        refused (fun () -> kind.Evaluate outputs (row (Array.zeroCreate kind.ActionSize)) |> ignore)
        refused (fun () -> kind.Kl outputs outputs |> ignore)

/// An agent of an actor and its parameters, with something else behind them in θ.
let private checkpoint (environment: BatchEnvironment) (actor: Actor) (theta: float32[]) : Checkpoint =
    environment.Reset(Rng.create 1UL)

    {
        Algorithm = "none"
        EnvironmentId = environment.Id
        Seed = 1UL
        ObservationSpace = environment.ObservationSpace
        ActionSpace = environment.ActionSpace
        Network = actor
        Options = []
        Notes = []
        Wrapping = Wrapping.ofBatch environment
        State =
            {
                Steps = 0L
                Updates = 0L
                Parameters = Array.append theta [| 7.0f; 8.0f |]
                Arrays = []
                Replay = None
                Frozen = []
                Observations = RunningStatistics.create 0
                Rewards = RunningStatistics.create 0
                DiscountedReturns = [||]
                Key = Rng.create 1UL
                ActionKeys = Array.init environment.Count (fun _ -> Rng.create 1UL)
                Environments = environment.Capture()
            }
    }

let private predict (model: PolicyModel) (observation: float32[]) (mask: bool[]) =
    let predictor = Predictor(model, 1)
    let action = Array.zeroCreate<float32> predictor.ActionSize
    predictor.Predict(ReadOnlySpan observation, ReadOnlySpan mask, Span action)
    action

let private evaluate (environment: unit -> BatchEnvironment) model deterministic =
    Evaluate.run model (environment ()) 4 deterministic (Rng.create 3UL) CancellationToken.None

[<Fact>]
let ``a Q-network with a greedy choice acts, is saved and evaluated`` () =
    let environment () = (Registry.make "CartPole-v1").Vectorise 2
    // Q(s, left) = −(angle + its speed), Q(s, right) = angle + its speed.
    let actor = Actor.create Activation.Tanh 4 [] (GreedyPolicy.create 2)
    let theta = [| 0f; 0f; 0f; 0f; -1f; 1f; -0.5f; 0.5f; 0f; 0f |]
    let written = checkpoint (environment ()) actor theta
    let read = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes written)
    Assert.Equal(written, read)
    Assert.Equal<float32[]>([| 1.0f |], predict read.Policy [| 0f; 0f; 0.1f; 0f |] [||])
    Assert.Equal<float32[]>([| 0.0f |], predict read.Policy [| 0f; 0f; 0.1f; 0f |] [| true; false |])
    let evaluation = evaluate environment read.Policy true
    Assert.True(evaluation.Mean > 150.0, $"{evaluation.Mean}")
    Assert.Equal<float[]>(evaluation.Returns, (evaluate environment read.Policy false).Returns)

[<Fact>]
let ``an actor of SAC's kind acts within the bounds, is saved and evaluated`` () =
    let environment () = (Registry.make "Pendulum-v1").Vectorise 2

    let actor =
        Actor.create Activation.Relu 3 [ 8 ] (SquashedNormalPolicy.create 1 -5.0 2.0)
        |> Policy.scaledActor ActionScaling.Bounds (environment ()).ActionSpace

    let theta = random (Actor.layout actor).Count 5UL
    let read = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes (checkpoint (environment ()) actor theta))
    let observation = [| 0.6f; -0.8f; 0.7f |]

    let mean =
        let parameters = Parameters.create (Actor.layout actor) (Expr.vector (theta |> Array.map float))
        (Reference.evaluate (Actor.policy actor parameters (row observation)))[0]

    Assert.Equal(float32 (2.0 * Math.Tanh mean), (predict read.Policy observation [||])[0], 1e-5f)
    let modes, samples = evaluate environment read.Policy true, evaluate environment read.Policy false
    Assert.All(modes.Returns, fun value -> Assert.InRange(value, -2000.0, 0.0))
    Assert.NotEqual<float[]>(modes.Returns, samples.Returns)

[<Theory; InlineData(""); InlineData("6"); InlineData("6x5")>]
let ``an implicit quantile network acts by the mean over the middles of equal parts, and is saved`` hidden =
    let environment = (Registry.make "CartPole-v1").Vectorise 1

    let hidden =
        if hidden = "" then
            []
        else
            [ for width in (hidden: string).Split 'x' -> int width ]

    let network = PolicyNetwork.values Convolutions.Automatic Activation.Elu hidden environment.ObservationSpace
    let actor = network (GreedyPolicy.create 2) |> PolicyNetwork.implicitQuantiles 5 3
    let layout = Actor.layout actor
    let theta = random layout.Count 5UL

    let read =
        (Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes (checkpoint environment actor theta))).Policy.Network

    Assert.Equal(actor.Quantiles, read.Quantiles)
    let parameters = Parameters.create layout (Expr.vector (theta |> Array.map float))
    let observations = [ for value in [ 0.6; -0.8; 0.7; 0.1; 0.2; 0.3; 0.5; -0.9 ] -> value ]
    let observations = Expr.vector observations |> Expr.reshape [| 2; 4 |]

    let at (level: float) =
        let levels = Expr.constant (Tensor.create [| 2; 1 |] [| level; level |])
        (Reference.evaluate (Actor.atLevels actor parameters levels observations)).ToArray()

    // The levels differ, and so do their quantiles.
    Assert.NotEqual<float[]>(at 0.5, at 0.9)
    let quantiles = [| 1.0 / 6.0; 0.5; 5.0 / 6.0 |] |> Array.map at
    let means = Array.init 4 (fun i -> quantiles |> Array.averageBy (fun values -> values[i]))
    let acted = (Reference.evaluate (Actor.policy read parameters observations)).ToArray()
    Array.iter2 (fun (expected: float) actual -> Assert.Equal(expected, actual, 1e-12)) means acted
    // Of several layers the first is before the levels; of one none is after them.
    Assert.Equal((if hidden.IsEmpty then 4 else hidden.Head), (Option.get actor.Quantiles).Features)
    Assert.Equal(max 0 (hidden.Length - 1), actor.Layers.Hidden.Length)

[<Fact>]
let ``a network with fractions of its own acts by quantiles in their middles, weighed by their sizes, and is saved``
    ()
    =
    let environment = (Registry.make "CartPole-v1").Vectorise 1
    let network = PolicyNetwork.values Convolutions.Automatic Activation.Elu [ 6; 5 ] environment.ObservationSpace

    let actor =
        network (GreedyPolicy.create 2)
        |> PolicyNetwork.implicitQuantiles 5 3
        |> PolicyNetwork.proposedFractions 3

    let layout = Actor.layout actor
    let theta = random layout.Count 5UL

    let read =
        (Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes (checkpoint environment actor theta))).Policy.Network

    Assert.Equal(actor.Fractions, read.Fractions)
    let parameters = Parameters.create layout (Expr.vector (theta |> Array.map float))
    let observations = Expr.vector [ 0.6; -0.8; 0.7; 0.1; 0.2; 0.3; 0.5; -0.9 ] |> Expr.reshape [| 2; 4 |]
    let fractions = Actor.fractions actor parameters observations
    let values x = (Reference.evaluate x).ToArray()
    let sizes, bounds, middles = values fractions.Sizes, values fractions.Bounds, values fractions.Middles

    // Two states of three fractions each, unequal ones.
    for row in 0..1 do
        let own = sizes[3 * row .. 3 * row + 2]
        Assert.Equal(1.0, Array.sum own, 12)
        Assert.True(Array.max own > 1.02 * Array.min own)
        let starts = Array.scan (+) 0.0 own
        Array.iteri (fun i bound -> Assert.Equal(starts[i + 1], bound, 12)) bounds[2 * row .. 2 * row + 1]
        Array.iteri (fun i x -> Assert.Equal(starts[i] + 0.5 * own[i], x, 12)) middles[3 * row .. 3 * row + 2]

    Assert.NotEqual(sizes[0], sizes[3])
    let quantiles = values (Actor.atLevels actor parameters fractions.Middles observations)

    let weighed =
        Array.init 4 (fun place ->
            let row, action = place / 2, place % 2
            Seq.sum (seq { for i in 0..2 -> sizes[3 * row + i] * quantiles[(3 * row + i) * 2 + action] }))

    Array.iter2
        (fun (e: float) a -> Assert.Equal(e, a, 12))
        weighed
        (values (Actor.policy read parameters observations))

    let without = { actor with Fractions = None }

    Assert.Throws<System.ArgumentException>(fun () -> Actor.fractions without parameters observations |> ignore)
    |> ignore

[<Fact>]
let ``an actor whose outputs are its action acts in the units of the bounds`` () =
    let actor =
        { Actor.create Activation.Tanh 1 [] (DeterministicPolicy.create 1) with
            Actions = Policy.actionMap ActionScaling.Bounds (Space.boxOf 0.0 12.0 [| 1 |])
        }

    let actor = { actor with Layers = { actor.Layers with OutputActivation = Activation.Tanh } }

    let model =
        {
            Network = actor
            ObservationSpace = Space.unbounded [| 1 |]
            ActionSpace = Space.boxOf 0.0 12.0 [| 1 |]
            Parameters = [| 1.0f; 0.0f |]
            Observations = RunningStatistics.create 0
            WrapperStatistics = []
            Plans = None
        }

    Assert.Equal(float32 (6.0 + 6.0 * Math.Tanh 0.3), (predict model [| 0.3f |] [||])[0], 1e-5f)
