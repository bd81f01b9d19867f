/// Policies act in units of their actions' bounds: an interval [l, h] is learned as [-1, 1] is, by every algorithm.
module Rl.Tests.Algorithms.ActionScalingTests

open System
open System.IO
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Core.Wrappers
open Xunit

let private toEnvironment scaling (space: Space) (action: float32[]) =
    let result = Array.zeroCreate<float32> action.Length
    Policy.toEnvironment (Policy.actionMap scaling space) space (ReadOnlySpan action) (Span result)
    result

let private bits (values: float32[]) = values |> Array.map BitConverter.SingleToInt32Bits

/// Two thrusts, an integer, and a dictionary of two amounts and a bit.
let private mixed =
    Space.tuple
        [
            Space.boxOf 0.0 12.0 [| 2 |]
            Space.discreteFrom 5 3
            Space.dict
                [ "amounts", Space.box [| -3.0; 100.0 |] [| 1.0; 300.0 |] [| 2 |]; "bit", Space.multiBinary [| 1 |] ]
        ]

[<Fact>]
let ``-1, 0 and 1 are the ends and the middle of each finite interval, within tuples and dictionaries too`` () =
    let at x = toEnvironment ActionScaling.Bounds mixed [| x; x; 2.0f; x; x; 1.0f |]
    Assert.Equal<float32[]>([| 0.0f; 0.0f; 7.0f; -3.0f; 100.0f; 1.0f |], at -1.0f)
    Assert.Equal<float32[]>([| 6.0f; 6.0f; 7.0f; -1.0f; 200.0f; 1.0f |], at 0.0f)
    Assert.Equal<float32[]>([| 12.0f; 12.0f; 7.0f; 1.0f; 300.0f; 1.0f |], at 1.0f)
    Assert.Equal<float32[]>([| 12.0f; 12.0f; 7.0f; 1.0f; 300.0f; 1.0f |], at 7.0f)

[<Fact>]
let ``without scaling numbers are the environment's own, clipped`` () =
    Assert.Equal<float32[]>(
        [| 0.0f; 3.0f; 6.0f; -1.0f; 100.0f; 0.0f |],
        toEnvironment ActionScaling.None mixed [| -1.0f; 3.0f; 1.0f; -1.0f; 3.0f; 0.0f |]
    )

[<Fact>]
let ``numbers without two finite bounds, and those without a choice, are left alone`` () =
    let space =
        Space.box
            [| -infinity; 0.0; -infinity; float -Single.MaxValue; 3.0; 0.0 |]
            [| infinity; infinity; 5.0; float Single.MaxValue; 3.0; 4.0 |]
            [| 6 |]

    Assert.Equal<float32[]>(
        [| 0.5f; 0.5f; 0.5f; 0.5f; 3.0f; 3.0f |],
        toEnvironment ActionScaling.Bounds space (Array.create 6 0.5f)
    )

[<Property>]
let ``an action in [-1, 1] keeps its bits, that of -0 too`` (value: float32) =
    let space = Space.box [| -1.0; 0.0 |] [| 1.0; 2.0 |] [| 2 |]
    let clipped = if Single.IsNaN value then -0.0f else Math.Clamp(value, -1.0f, 1.0f)

    Policy.actionMap ActionScaling.Bounds (Space.boxOf -1.0 1.0 [| 2 |]) = ActionMap.identity
    && bits [| (toEnvironment ActionScaling.Bounds space [| clipped; clipped |])[0] |] = bits [| clipped |]

/// Every algorithm with a few steps an update; PPO also with state-dependent exploration.
let private algorithms: (string * ((string * string) list -> BatchEnvironment -> Workers -> Learner)) list =
    let bind (create: 'C -> BatchEnvironment -> Workers -> Learner) ofPairs small =
        fun more environment workers -> create (ofPairs (small @ more)) environment workers

    let rollout = [ "RolloutSteps", "16"; "Hidden", "8" ]
    let ppo = rollout @ [ "MinibatchSize", "32"; "Epochs", "2" ]

    [
        "ppo", bind Ppo.create PpoOptions.ofPairs ppo
        "ppo, state-dependent exploration",
        bind Ppo.create PpoOptions.ofPairs (ppo @ [ "StateDependentExploration", "true"; "ExplorationSteps", "4" ])
        "reinforce", bind Reinforce.create ReinforceOptions.ofPairs [ "EpisodesPerUpdate", "6"; "Hidden", "8" ]
        "vpg", bind Vpg.create VpgOptions.ofPairs (("ValueSteps", "3") :: rollout)
        "a2c", bind A2c.create A2cOptions.ofPairs rollout
        "appo", bind Appo.create AppoOptions.ofPairs (("PolicyLag", "1") :: ppo)
        "impala", bind Impala.create ImpalaOptions.ofPairs (("PolicyLag", "1") :: rollout)
        "npg", bind Npg.create NpgOptions.ofPairs (("ValueEpochs", "2") :: rollout)
        "trpo", bind Trpo.create TrpoOptions.ofPairs (("ValueEpochs", "2") :: rollout)
        "ppg",
        bind
            Ppg.create
            PpgOptions.ofPairs
            ([ "PolicyRollouts", "2"; "AuxiliaryEpochs", "2"; "MinibatchSize", "32" ] @ rollout)
        "vmpo", bind Vmpo.create VmpoOptions.ofPairs (("Epochs", "3") :: rollout)
        "cem", bind Cem.create CemOptions.ofPairs [ "Population", "6" ]
        "ars", bind Ars.create ArsOptions.ofPairs [ "Directions", "3" ]
        "es", bind Es.create EsOptions.ofPairs [ "Directions", "3"; "Hidden", "8" ]
    ]

/// θ and the returns of the episodes after three transitions.
let private train name (scaling: string) (environment: BatchEnvironment) =
    use workers = new Workers(2)
    let create = algorithms |> List.find (fun (known, _) -> known = name) |> snd
    use learner = create [ "ActionScaling", scaling ] environment workers
    let mutable state = learner.Initialise(Rng.create 11UL)

    let returns =
        [|
            for _ in 1..3 do
                let struct (next, report) = learner.Transition state
                state <- next
                yield! report.Episodes |> Array.map _.Return
        |]

    struct (state.Parameters, returns)

let private reach low high = (AnyEnvironment.Pack(Reach(low, high))).Vectorise 4

let private rescaled low high = Wrapper.apply [ Wrapper.RescaleAction([| -1.0 |], [| 1.0 |]) ] (reach low high)

/// The names of all algorithms above.
let names: TheoryData<string> = TheoryData<string>(algorithms |> List.map fst)

[<Theory; MemberData(nameof names)>]
let ``learning [l, h] with scaling is learning the problem rescaled to [-1, 1], bit for bit`` (name: string) =
    // Half-ranges that are powers of two, so that both orders of multiplying and adding round alike.
    for low, high in [ -4.0, 4.0; 0.0, 16.0 ] do
        let struct (theta, returns) = train name "bounds" (reach low high)
        let struct (expected, expectedReturns) = train name "none" (rescaled low high)
        Assert.Equal<int[]>(bits expected, bits theta)
        Assert.Equal<float[]>(expectedReturns, returns)

[<Theory; MemberData(nameof names)>]
let ``in [-1, 1] scaling changes no bit, elsewhere it does`` (name: string) =
    let struct (theta, returns) = train name "bounds" (reach -1.0 1.0)
    let struct (expected, expectedReturns) = train name "none" (reach -1.0 1.0)
    Assert.Equal<int[]>(bits expected, bits theta)
    Assert.Equal<float[]>(expectedReturns, returns)
    let struct (_, scaled) = train name "bounds" (reach 0.0 16.0)
    let struct (_, unscaled) = train name "none" (reach 0.0 16.0)
    Assert.NotEqual<float[]>(unscaled, scaled)

[<Fact>]
let ``learning any [l, h] with scaling is learning the problem rescaled to [-1, 1], to rounding`` () =
    let struct (theta, _) = train "trpo" "bounds" (reach 0.3 12.7)
    let struct (expected, _) = train "trpo" "none" (rescaled 0.3 12.7)
    Array.iter2 (fun (a: float32) b -> Assert.Equal(a, b, 1e-3f)) expected theta

[<Fact>]
let ``actions without bounds are as before`` () =
    let regulator () = (Registry.make "LinearQuadraticRegulator-v0").Vectorise 4
    let struct (theta, _) = train "a2c" "bounds" (regulator ())
    let struct (expected, _) = train "a2c" "none" (regulator ())
    Assert.Equal<int[]>(bits expected, bits theta)

/// A trained model's most probable actions for u = -0.5 and 0.5.
let private answers (model: PolicyModel) =
    let actions = Array.zeroCreate<float32> 2
    Predictor(model, 2).Predict(ReadOnlySpan [| -0.5f; 0.5f |], Span actions)
    actions

[<Fact>]
let ``a saved agent acts as before, in the environment's units`` () =
    use workers = new Workers(1)
    let pairs = [ "TotalSteps", "20000"; "RolloutSteps", "32"; "Discount", "0"; "MinibatchSize", "64" ]
    use learner = Ppo.create (PpoOptions.ofPairs pairs) (reach 0.0 12.0) workers
    let mutable state = learner.Initialise(Rng.create 3UL)

    while state.Steps < learner.TotalSteps do
        let struct (next, _) = learner.Transition state
        state <- next

    let checkpoint =
        {
            Algorithm = "ppo"
            EnvironmentId = "Reach-v0"
            Seed = 3UL
            ObservationSpace = learner.Environment.ObservationSpace
            ActionSpace = learner.Environment.ActionSpace
            Network = learner.Network
            Options = learner.Options
            Notes = []
            Wrapping = Wrapping.ofBatch learner.Environment
            State = state
        }

    let read = Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes checkpoint)
    let actions = answers (learner.Policy state)
    Assert.Equal<int[]>(bits actions, bits (answers read.Policy))
    Assert.InRange(actions[0], 2.0f, 4.0f)
    Assert.InRange(actions[1], 8.0f, 10.0f)

[<Fact>]
let ``a file of version 2 acts in the environment's units, and learns on in them`` () =
    let path = Path.Combine(AppContext.BaseDirectory, "golden", "agent_version2.rl")
    let checkpoint = Checkpoint.load path
    Assert.Equal(ActionMap.identity, checkpoint.Network.Actions)
    let configuration = CemOptions.ofPairs checkpoint.Options
    Assert.Equal(ActionScaling.None, configuration.Network.ActionScaling)
    let policy = checkpoint.State.Parameters
    // The critic that nobody asked is gone: three weights, a bias, ln σ.
    Assert.Equal(5, policy.Length)
    let observation = [| 0.6f; -0.8f; 0.7f |]
    let action = Array.zeroCreate<float32> 1
    Predictor(checkpoint.Policy, 1).Predict(ReadOnlySpan observation, Span action)
    let expected = policy[3] + (Array.map2 (*) policy[..2] observation |> Array.sum)
    Assert.Equal(Math.Clamp(expected, -2.0f, 2.0f), action[0], 1e-5f)
    let written = Checkpoint.ofBytes path (Checkpoint.toBytes checkpoint)
    Assert.Equal(checkpoint, written)
