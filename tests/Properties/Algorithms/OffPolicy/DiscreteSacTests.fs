/// SAC where an action is one of several choices: it learns, from images and with masks too, its objectives have the
/// soft fixed point, and it never does what is impossible.
module Rl.Tests.Algorithms.OffPolicy.DiscreteSacTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives
open Rl.Core.Tabular
open Rl.Core.Training
open Rl.Tests.Algorithms
open Xunit

/// The mean return of twenty episodes of the most probable actions after training.
let private trained (options: SacOptions) (environment: int -> BatchEnvironment) (seed: uint64) : float =
    use workers = new Workers(1)
    use learner = Sac.create options (environment 1) workers
    let mutable state = learner.Initialise(Rng.create seed)

    while state.Steps < learner.TotalSteps do
        let struct (next, _) = learner.Transition state
        state <- next

    let result =
        Evaluate.run (learner.Policy state) (environment 20) 20 true (Rng.create 99UL) Threading.CancellationToken.None

    result.Mean

// A random policy has 22.
[<Fact>]
let ``SAC balances the pole`` () =
    let options =
        { SacOptions.defaults with
            Soft.Plan.TotalSteps = 8_000L
            Soft.InitialTemperature = 0.1
            TargetRate = 0.02
        }

    Assert.InRange(trained options (Registry.make "CartPole-v1").Vectorise 1UL, 300.0, 500.0)

// Five answers an episode: a random policy has 1.25 right. Seven and fewer steps with four choices, one of them
// impossible: a third of them right.
[<Fact>]
let ``SAC learns from images, and where choices are impossible`` () =
    let options =
        { SacOptions.defaults with
            Soft.Plan.TotalSteps = 1_500L
            Soft.Network.Hidden = [ 32 ]
            Soft.OffPolicy.BatchSize = 32
            Choices.TargetEntropyShare = 0.2
        }

    Assert.InRange(trained options (AnyEnvironment.Pack(Spot())).Vectorise 1UL, 4.0, 5.0)
    let forbidden = { options with Soft.Plan.TotalSteps = 700L; Soft.OffPolicy.Discount = 0.5 }
    Assert.InRange(trained forbidden (AnyEnvironment.Pack(Forbidden())).Vectorise 1UL, 4.5, 7.0)

[<Fact>]
let ``training begins at the temperature that it is to begin at`` () =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "sac" [ "InitialTemperature", "0.1" ] "CartPole-v1" 2 workers
    let start = learner.Initialise(Rng.create 9UL)
    Assert.Equal<float32[]>([| MathF.Log 0.1f |], start.Array "temperature")

[<Fact>]
let ``what was possible is remembered at s and at s', and only that was done`` () =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "sac" [] "Forbidden-v0" 2 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 9UL)) 4
    let replay = state.Replay.Value

    let all name =
        let column = replay.Columns |> List.find (fun column -> column.Name = name)
        (Rl.Core.Experience.Replay.take (Array.init replay.Count id) replay)[column]

    let observations, actions = all "observations", all "actions"
    let masks, next = all "masks", all "nextMasks"

    for row in 0 .. replay.Count - 1 do
        // What is forbidden is the choice before the one that is shown.
        let shown = Array.IndexOf(observations[row * 4 .. row * 4 + 3], 1.0f)
        let expected = Array.init 4 (fun choice -> if choice = (shown + 3) % 4 then 0.0f else 1.0f)
        Assert.Equal<float32[]>(expected, masks[row * 4 .. row * 4 + 3])
        Assert.Equal(1.0f, expected[int actions[row]])

    let cut row = (all "ends")[row] = 1.0f && (all "continues")[row] = 1.0f
    let known row = Array.contains 1.0f next[row * 4 .. row * 4 + 3]
    Assert.Contains(true, Array.init replay.Count cut)
    Assert.All([ 0 .. replay.Count - 1 ], (fun row -> Assert.Equal(not (cut row), known row)))

/// Three states, two actions, rewards of several signs.
let private process' =
    Mdp.create
        0.9
        [| 1.0; 0.0; 0.0 |]
        [|
            [| [| 0.7; 0.2; 0.1 |]; [| 0.0; 0.5; 0.5 |] |]
            [| [| 0.3; 0.3; 0.4 |]; [| 0.9; 0.0; 0.1 |] |]
            [| [| 0.0; 0.0; 1.0 |]; [| 0.4; 0.6; 0.0 |] |]
        |]
        [| [| 1.0; -0.5 |]; [| 0.3; 2.0 |]; [| -1.0; 0.2 |] |]

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()
let private table (values: float[]) = Expr.constant (Tensor.create [| 3; 2 |] values)

[<Theory; InlineData(0.05); InlineData(0.7); InlineData(4.0)>]
let ``the fixed point of discrete SAC's objectives is soft value iteration's`` (temperature: float) =
    let alpha = Expr.number temperature
    let greedy q = Categorical.ofLogits (table q / alpha)
    let value q = numbers (OffPolicy.softValue alpha (greedy q) (table q))
    let q = Bellman.iterate 500 (value >> Mdp.actionValues process') (Array.zeroCreate 6)
    let values = Bellman.iterate 500 (Bellman.soft temperature process') (Array.zeroCreate 3)
    Array.iter2 (fun (soft: float) q -> Assert.Equal(soft, q, 9)) values (value q)

    /// The actor's loss of logits, whose derivative is the actor's alone.
    let loss (logits: Expr) =
        -(Expr.sum (OffPolicy.softValue alpha (Categorical.ofLogits (Expr.reshape [| 3; 2 |] logits)) (table q)))

    let slope (logits: float[]) = numbers (Diff.grad loss (Expr.vector logits))
    // The policy that the targets follow is where the actor's loss has no slope, and others have one.
    Assert.All(slope (q |> Array.map (fun value -> value / temperature)), (fun value -> Assert.Equal(0.0, value, 9)))
    Assert.Contains(slope (Array.zeroCreate 6), (fun value -> abs value > 1e-3))

[<Fact>]
let ``the expectation of the drawn actor's loss is minus the soft value, and its derivative too`` () =
    let q, alpha = table [| 0.3; -0.2; 1.0; 0.4; -2.0; 0.1 |], Expr.number 0.7
    let logits = [| 0.2; 0.5; -0.3; 0.1; 1.5; -0.5 |]

    let drawn (logits: Expr) =
        let policy = Categorical.ofLogits (Expr.reshape [| 3; 2 |] logits)
        let loss = OffPolicy.softActorLoss alpha policy.LogProbabilities q q
        Expr.sum (Categorical.probabilities policy * loss)

    let summed (logits: Expr) =
        -(Expr.sum (OffPolicy.softValue alpha (Categorical.ofLogits (Expr.reshape [| 3; 2 |] logits)) q))

    let near expected actual = Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 12)) expected actual
    near (numbers (drawn (Expr.vector logits))) (numbers (summed (Expr.vector logits)))
    near (numbers (Diff.grad drawn (Expr.vector logits))) (numbers (Diff.grad summed (Expr.vector logits)))

    // Neither the temperature nor the critics move along it.
    let value (x: Expr) =
        let temperature, critics = Expr.slice 0 0 1 x |> Expr.squeeze 0, Expr.reshape [| 3; 2 |] (Expr.slice 0 1 7 x)
        Expr.sum (OffPolicy.softValue temperature (Categorical.ofLogits q) critics)

    Assert.Equal<float[]>(Array.zeroCreate 7, numbers (Diff.grad value (Expr.vector (Array.append [| 0.7 |] logits))))

[<Fact>]
let ``actions that it cannot have are refused with those that it can, and with algorithms that can`` () =
    use workers = new Workers(1)

    for id in [ "IdentityTuple-v0"; "IdentityMultiDiscrete-v0" ] do
        let environment = (Registry.make id).Vectorise 1
        let create () = Sac.create SacOptions.defaults environment workers |> ignore
        let error = Assert.Throws<ArgumentException>(create)
        Assert.Contains("Discrete", error.Message)
        Assert.Contains("finite", error.Message)
        Assert.Contains("ppo", error.Message)
