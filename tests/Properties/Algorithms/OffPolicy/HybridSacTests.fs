/// SAC where actions have choices, and numbers beside them: it learns, from images and with masks too, its objectives
/// have the soft fixed point, and it never does what is impossible.
module Rl.Tests.Algorithms.OffPolicy.HybridSacTests

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

/// Takes any action of a space and pays nothing.
type private Idle(actions: Space) =
    interface IEnvironment<TaskState> with
        member _.Id = "Idle-v0"
        member _.ObservationSpace = Space.discrete 2
        member _.ActionSpace = actions
        member _.MaxEpisodeSteps = 5
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Shown = 0; Taken = 0 }, rng)
        member _.Step(state, _, rng) = struct (state, { Reward = 0.0; Terminated = false; Truncated = false }, rng)
        member _.Observe(_, observation) = observation[0] <- 0.0f

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

/// The numbers that the hybrid process pays β ln p(x|s) for: μ and ln σ at each state.
let private preferred = [| 0.3; -0.6; 0.1 |], [| -0.4; 0.2; -1.0 |]

let private column (values: Expr) = Expr.expandAxis -1 values

let private squashed (mean: Expr) (logDeviation: Expr) =
    DiagonalNormal.create (column mean) (column logDeviation)
    |> SquashedNormal.create (Expr.number -1.0) (Expr.number 1.0)

[<Theory; InlineData(0.05, 0.3); InlineData(0.7, 2.0); InlineData(4.0, 0.1)>]
let ``the fixed point of hybrid SAC's objectives is soft value iteration's`` (alpha: float) (beta: float) =
    let mean, logDeviation = preferred
    let best = squashed (Expr.vector mean) (Expr.vector logDeviation)

    /// The expected soft value at each state of logits, μ and ln σ, by a quadrature that is exact for polynomials of
    /// the fifth degree: Q(s, d, x) = q(s, d) + β ln p(x|s).
    let expected (q: float[]) (logits: Expr) (mean: Expr) (logDeviation: Expr) =
        [ -sqrt 3.0, 1.0 / 6.0; 0.0, 2.0 / 3.0; sqrt 3.0, 1.0 / 6.0 ]
        |> List.map (fun (node, weight) ->
            let drawn = squashed mean logDeviation
            let struct (u, _) = SquashedNormal.reparameterise (Expr.full [| 3; 1 |] node) drawn
            let paid = beta * SquashedNormal.logProbabilityOf u best

            OffPolicy.hybridSoftValue
                (Expr.number alpha)
                (Expr.number beta)
                (Categorical.ofLogits (Expr.reshape [| 3; 2 |] logits))
                (SquashedNormal.logProbabilityOf u drawn)
                (table q + column paid)
            |> fun value -> weight * value)
        |> List.reduce (+)

    let greedy (q: float[]) = q |> Array.map (fun value -> value / alpha)
    let value q = numbers (expected q (Expr.vector (greedy q)) (Expr.vector mean) (Expr.vector logDeviation))
    let q = Bellman.iterate 500 (value >> Mdp.actionValues process') (Array.zeroCreate 6)
    let values = Bellman.iterate 500 (Bellman.soft alpha process') (Array.zeroCreate 3)
    Array.iter2 (fun (soft: float) q -> Assert.Equal(soft, q, 9)) values (value q)

    let slope (theta: float[]) =
        let loss (x: Expr) =
            let cut first last = Expr.slice 0 first last x
            -(Expr.sum (expected q (cut 0 6) (cut 6 9) (cut 9 12)))

        numbers (Diff.grad loss (Expr.vector theta))

    // The policy that the targets follow is where the actor's loss has no slope, and others have one in each part.
    Assert.All(slope (Array.concat [ greedy q; mean; logDeviation ]), (fun value -> Assert.Equal(0.0, value, 9)))
    let away = slope (Array.zeroCreate 12)

    for part in [ away[..5]; away[6..8]; away[9..] ] do
        Assert.Contains(part, (fun value -> abs value > 1e-3))

/// Three transitions of SAC on `Identity` of a space: the states after each.
let private imitated (space: Space) : TrainingState list =
    use workers = new Workers(2)

    let options =
        { SacOptions.defaults with
            Soft.Network.Hidden = [ 8; 8 ]
            Soft.OffPolicy.LearningStarts = 20
            Soft.OffPolicy.BatchSize = 12
            Soft.OffPolicy.RoundSteps = 40
        }

    use learner =
        Sac.create options (AnyEnvironment.Pack(Teaching.Identity("Own-v0", space, 95.0)).Vectorise 2) workers

    [ 1..3 ]
    |> List.mapFold
        (fun state _ ->
            let struct (next, _) = learner.Transition state
            next, next)
        (learner.Initialise(Rng.create 4UL))
    |> fst

[<Fact>]
let ``a choice alone in a tuple is learned as a choice, numbers alone as numbers`` () =
    let box = Space.box [| -1.0; 0.0 |] [| 1.0; 3.0 |] [| 2 |]

    // Other programs may round other last digits.
    for alone, share in [ Space.discreteFrom 2 4, 0.0; box, 1e-4 ] do
        for wrapped in [ Space.tuple [ alone ]; Space.dict [ "only", alone ] ] do
            for state, expected in List.zip (imitated wrapped) (imitated alone) do
                let same (expected: float32[]) (actual: float32[]) =
                    Assert.Equal(expected.Length, actual.Length)
                    Array.iter2 (fun (x: float32) y -> Assert.Equal(float x, float y, share)) expected actual

                Assert.Equal<Rng>(expected.Key, state.Key)
                same expected.Parameters state.Parameters
                same (expected.Array "targets") (state.Array "targets")
                same (expected.Array "temperature") (state.Array "temperature")

// Doing what is shown is paid half a step for the integer and nothing off for the number: 50. At random it is −17.
[<Fact>]
let ``SAC repeats an integer and a number`` () =
    let options =
        { SacOptions.defaults with
            Soft.Plan.TotalSteps = 2_500L
            Soft.OffPolicy.Discount = 0.5
            Soft.InitialTemperature = 0.1
            Soft.OffPolicy.BatchSize = 32
            Choices.TargetEntropyShare = 0.1
        }

    Assert.InRange(trained options (Registry.make "IdentityDict-v0").Vectorise 1UL, 45.0, 50.0)

// All parts right at each of eight steps is 8; at random about a third of them are.
[<Fact>]
let ``SAC learns choices of all kinds with a number, where some are impossible`` () =
    let options =
        { SacOptions.defaults with
            Soft.Plan.TotalSteps = 2_000L
            Soft.OffPolicy.Discount = 0.3
            Soft.InitialTemperature = 0.1
            Soft.OffPolicy.BatchSize = 32
            Choices.TargetEntropyShare = 0.05
        }

    Assert.InRange(trained options (AnyEnvironment.Pack(Match())).Vectorise 1UL, 6.5, 8.0)

// The plane by a choice and the column by a number, 5 for five steps; at random about 2.3.
[<Fact>]
let ``SAC learns a choice and a number from images`` () =
    let options =
        { SacOptions.defaults with
            Soft.Plan.TotalSteps = 1_500L
            Soft.Network.Hidden = [ 32 ]
            Soft.OffPolicy.BatchSize = 32
            Soft.OffPolicy.Discount = 0.3
            Soft.InitialTemperature = 0.1
            Choices.TargetEntropyShare = 0.1
        }

    Assert.InRange(trained options (AnyEnvironment.Pack(PointAt())).Vectorise 1UL, 4.2, 5.0)

[<Fact>]
let ``each temperature aims at the entropy of its own kind`` () =
    use workers = new Workers(1)

    let reports changes =
        use learner = LearnerLaws.make "sac" changes "IdentityDict-v0" 2 workers
        LearnerLaws.run learner (learner.Initialise(Rng.create 9UL)) 6

    let last (state: TrainingState, _) = state.Array "temperature"
    let still = last (reports [ "TargetEntropyShare", "0.5" ])
    Assert.Equal(2, still.Length)
    // A higher entropy to keep raises its own temperature and no other.
    let ofChoices = last (reports [ "TargetEntropyShare", "1" ])
    let ofNumbers = last (reports [ "TargetEntropyShare", "0.5"; "TargetEntropyPerAction", "1" ])
    Assert.True(ofChoices[1] > still[1] && ofNumbers[0] > still[0])

[<Fact>]
let ``actions that it cannot have are refused with those that it can, and with algorithms that can`` () =
    use workers = new Workers(1)
    let choice, open' = Space.discrete 2, Space.box [| 0.0 |] [| infinity |] [| 1 |]

    for space, suits in
        [
            Space.tuple [ choice; Space.boxOf -1.0 1.0 [| 2 |] ], true
            Space.multiDiscrete [| 64; 64 |], true
            Space.multiBinary [| 12 |], true
            Space.discrete 5000, true
            Space.tuple [ choice; open' ], false
            Space.multiDiscrete [| 64; 64; 2 |], false
            Space.multiBinary [| 70 |], false
            Space.tuple [ Space.discrete 2_000_000; Space.discrete 2_000_000; Space.discrete 2_000_000 ], false
        ] do
        Assert.Equal(suits, Sac.entry.Suits space)
        let environment = AnyEnvironment.Pack(Idle space).Vectorise 1
        let create () = (Sac.create SacOptions.defaults environment workers).Dispose()

        if not suits then
            let error = Assert.Throws<ArgumentException>(create)
            Assert.Contains("Discrete", error.Message)
            Assert.Contains("finite", error.Message)
            Assert.Contains("4096", error.Message)
            Assert.Contains("ppo", error.Message)
