/// Actor-critics from replay: they learn, keep the laws of learners, and refuse actions that they cannot have.
module Rl.Tests.Algorithms.OffPolicy.ActorCriticTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Tabular
open Rl.Core.Training
open Rl.Tests.Algorithms
open Xunit

let private small: OffPolicyOptions =
    { OffPolicyOptions.defaults with
        BufferSize = 500
        LearningStarts = 20
        BatchSize = 8
        RoundSteps = 60
    }

let private sac = { SacOptions.defaults with Soft.OffPolicy = small; Soft.Network.Hidden = [ 8; 8 ] }

let private tqc =
    { TqcOptions.defaults with Soft.OffPolicy = small; Soft.Network.Hidden = [ 8; 8 ]; Quantiles = 5 }

let private redq =
    { RedqOptions.defaults with
        Soft.OffPolicy = small
        Soft.Network.Hidden = [ 8 ]
        Critics = 4
        PolicyDelay = 3
    }

let private droq =
    { DroqOptions.defaults with
        Soft.OffPolicy = small
        Soft.Network.Hidden = [ 8; 8 ]
        PolicyDelay = 3
    }

let private td3 = { Td3Options.defaults with OffPolicy = small; Network.Hidden = [ 8; 8 ] }
let private ddpg = { DdpgOptions.defaults with OffPolicy = small; Network.Hidden = [ 8 ] }

/// Each learner with small options, on four copies of Pendulum.
let private learners: (string * (BatchEnvironment -> Workers -> Learner)) list =
    [
        "sac", Sac.create sac
        "sac, fixed temperature and one critic",
        Sac.create { sac with Soft.LearnTemperature = false; Soft.InitialTemperature = 0.2; Critics = 1 }
        "sac, seldom and often",
        Sac.create { sac with Soft.OffPolicy.TrainFrequency = 3; Soft.OffPolicy.GradientSteps = -1 }
        "sac, lanes", Sac.create { sac with Soft.OffPolicy.BatchSize = 256 }
        "sac, annealed and normalised",
        Sac.create
            { sac with
                Soft.Rate.LearningRate = RateSchedule.linear 1e-3 0.0
                Soft.CriticLearningRate = RateSchedule.linear 1e-3 0.0
                Soft.TemperatureLearningRate = RateSchedule.linear 1e-3 0.0
                Soft.Plan.TotalSteps = 300L
                Soft.Network.NormaliseObservations = true
            }
        "tqc", Tqc.create tqc
        "redq", Redq.create redq
        "droq", Droq.create droq
        "td3", Td3.create td3
        "td3, delay of five", Td3.create { td3 with PolicyDelay = 5; OffPolicy.ReturnSteps = 3 }
        "ddpg", Ddpg.create ddpg
        "ddpg, wandering noise", Ddpg.create { ddpg with Noise.Exploration = ExplorationNoise.OrnsteinUhlenbeck }
        "td3, pink noise", Td3.create { td3 with Noise.Exploration = ExplorationNoise.Pink }
        "ddpg, noise on parameters",
        Ddpg.create
            { ddpg with
                Noise.Exploration = ExplorationNoise.Parameters
                Noise.ExplorationSteps = 30
                OffPolicy.TrainFrequency = 2
            }
    ]

let names: TheoryData<string> =
    let data = TheoryData<string>()
    learners |> List.iter (fun (name, _) -> data.Add name)
    data

let private make name (workers: Workers) : Learner =
    let create = learners |> List.find (fun (known, _) -> known = name) |> snd
    create ((Registry.make "Pendulum-v1").Vectorise 4) workers

let private run (learner: Learner) (start: TrainingState) transitions =
    Seq.fold
        (fun (state: TrainingState) _ ->
            let struct (next, _) = learner.Transition state
            next)
        start
        (seq { 1..transitions })

let private same (a: TrainingState) (b: TrainingState) =
    Assert.Equal(a.Steps, b.Steps)
    Assert.Equal<float32[]>(a.Parameters, b.Parameters)
    Assert.Equal<(string * float32[]) list>(a.Arrays, b.Arrays)
    Assert.Equal(a.Replay, b.Replay)
    Assert.Equal(a.Key, b.Key)
    Assert.Equal<byte[]>(a.Environments.Bytes, b.Environments.Bytes)

[<Theory; MemberData(nameof names)>]
let ``one and three threads give the same bits, also resumed in a learner that has seen nothing`` (name: string) =
    let whole threads =
        use workers = new Workers(threads)
        use learner = make name workers
        run learner (learner.Initialise(Rng.create 7UL)) 4

    let expected = whole 1
    same expected (whole 3)
    use workers = new Workers(1)
    use first = make name workers
    let half = run first (first.Initialise(Rng.create 7UL)) 2
    use second = make name workers
    same expected (run second half 2)

[<Theory; MemberData(nameof names)>]
let ``targets begin as copies and then follow; acting stays within the bounds`` (name: string) =
    use workers = new Workers(1)
    use learner = make name workers
    let start = learner.Initialise(Rng.create 5UL)
    let actor = (Rl.Core.Acting.Actor.layout learner.Network).Count
    let critics (state: TrainingState) = Array.skip actor state.Parameters
    Assert.Equal<float32[]>(critics start, start.Array "targets")
    let after = run learner start 3
    let online, target = critics after, after.Array "targets"
    Assert.NotEqual<float32[]>(critics start, online)
    Assert.NotEqual<float32[]>(critics start, target)
    let distance (a: float32[]) (b: float32[]) = Array.fold2 (fun sum x y -> sum + float ((x - y) * (x - y))) 0.0 a b
    // Slow followers are nearer to where all began.
    Assert.True(distance target (critics start) < distance online (critics start))
    let actions = after.Replay.Value.Columns |> List.find (fun column -> column.Name = "actions")
    let values = Array.zeroCreate<float32> after.Replay.Value.Count
    after.Replay.Value.Read(actions, ReadOnlySpan(Array.init values.Length id), Span values)
    Assert.All(values, (fun action -> Assert.InRange(action, -1.0f, 1.0f)))
    // Random actions first: they reach both ends.
    Assert.True(Array.min values < -0.8f && Array.max values > 0.8f)

[<Fact>]
let ``actions that are not numbers within finite bounds are refused, with algorithms that can`` () =
    use workers = new Workers(1)

    for id in [ "CartPole-v1"; "IdentityTuple-v0" ] do
        let environment = (Registry.make id).Vectorise 1

        for create in
            [
                Tqc.create tqc
                CrossQ.create CrossQOptions.defaults
                Xqc.create XqcOptions.defaults
                Redq.create redq
                Droq.create droq
                Td3.create td3
                Ddpg.create ddpg
            ] do
            let error = Assert.Throws<ArgumentException>(fun () -> create environment workers |> ignore)
            Assert.Contains("ppo", error.Message)
            Assert.Contains("finite", error.Message)

[<Fact>]
let ``an action with one bound only does not suit`` () =
    let suits low high = ActorCritics.suits (Space.box [| -1.0; low |] [| 1.0; high |] [| 2 |])
    Assert.True(suits 0.0 3.0)
    Assert.False(suits 0.0 infinity)
    Assert.False(suits -infinity 0.0)

[<Fact>]
let ``bounds of ln σ that are no interval are refused`` () =
    use workers = new Workers(1)
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    let options = { sac with Soft.LeastLogDeviation = 2.0; Soft.LargestLogDeviation = 2.0 }
    let error = Assert.Throws<ArgumentException>(fun () -> Sac.create options environment workers |> ignore)
    Assert.Contains("LeastLogDeviation", error.Message)

[<Fact>]
let ``options survive their texts`` () =
    let sac = { sac with Critics = 3; Soft.LearnTemperature = false; Soft.TargetEntropyPerAction = -0.5 }
    Assert.Equal(sac, SacOptions.ofPairs (SacOptions.toPairs sac))

    let td3 =
        { td3 with
            PolicyDelay = 3
            SmoothingLimit = 0.3
            Noise.ExplorationDeviation = RateSchedule.Constant 0.4
        }

    Assert.Equal(td3, Td3Options.ofPairs (Td3Options.toPairs td3))

/// The mean return of twenty episodes with the most probable actions after training on eight copies of Pendulum.
let private trained (create: BatchEnvironment -> Workers -> Learner) (seed: uint64) : float =
    use workers = new Workers(1)
    use learner = create ((Registry.make "Pendulum-v1").Vectorise 8) workers
    let mutable state = learner.Initialise(Rng.create seed)

    while state.Steps < learner.TotalSteps do
        let struct (next, _) = learner.Transition state
        state <- next

    let environment = (Registry.make "Pendulum-v1").Vectorise 20

    let result =
        Evaluate.run (learner.Policy state) environment 20 true (Rng.create 99UL) Threading.CancellationToken.None

    result.Mean

// A random policy has −1,200, the best one about −150.
[<Fact>]
let ``SAC swings the pendulum up`` () =
    Assert.InRange(trained (Sac.create { SacOptions.defaults with Soft.Plan.TotalSteps = 8_000L }) 1UL, -200.0, 0.0)

[<Fact>]
let ``TQC swings the pendulum up`` () =
    Assert.InRange(trained (Tqc.create { TqcOptions.defaults with Soft.Plan.TotalSteps = 8_000L }) 1UL, -200.0, 0.0)

[<Fact>]
let ``CrossQ swings the pendulum up`` () =
    Assert.InRange(
        trained (CrossQ.create { CrossQOptions.defaults with Soft.Plan.TotalSteps = 8_000L }) 2UL,
        -200.0,
        0.0
    )

[<Fact>]
let ``XQC swings the pendulum up`` () =
    Assert.InRange(trained (Xqc.create { XqcOptions.defaults with Soft.Plan.TotalSteps = 10_000L }) 1UL, -250.0, 0.0)

// Several updates a step: a fraction of the steps is enough.
[<Fact>]
let ``REDQ swings the pendulum up in few steps`` () =
    let options =
        { RedqOptions.defaults with
            Soft.Plan.TotalSteps = 2_400L
            Soft.OffPolicy.GradientSteps = -5
            Critics = 5
            PolicyDelay = 5
        }

    Assert.InRange(trained (Redq.create options) 1UL, -250.0, 0.0)

[<Fact>]
let ``DroQ swings the pendulum up in few steps`` () =
    let options =
        { DroqOptions.defaults with
            Soft.Plan.TotalSteps = 2_400L
            Soft.OffPolicy.GradientSteps = -5
            PolicyDelay = 5
        }

    Assert.InRange(trained (Droq.create options) 1UL, -250.0, 0.0)

[<Fact>]
let ``TD3 swings the pendulum up`` () =
    Assert.InRange(trained (Td3.create { Td3Options.defaults with Plan.TotalSteps = 8_000L }) 1UL, -200.0, 0.0)

[<Fact>]
let ``DDPG swings the pendulum up`` () =
    Assert.InRange(trained (Ddpg.create { DdpgOptions.defaults with Plan.TotalSteps = 8_000L }) 1UL, -200.0, 0.0)

/// What 20 episodes of five steps give after 1,600 steps of learning from images.
let private aimed (create: BatchEnvironment -> Workers -> Learner) : float =
    use workers = new Workers(1)
    use learner = create ((AnyEnvironment.Pack(Aim())).Vectorise 8) workers
    let mutable state = learner.Initialise(Rng.create 1UL)

    while state.Steps < learner.TotalSteps do
        let struct (next, _) = learner.Transition state
        state <- next

    let environment = (AnyEnvironment.Pack(Aim())).Vectorise 20
    let policy = learner.Policy state
    (Evaluate.run policy environment 20 true (Rng.create 99UL) Threading.CancellationToken.None).Mean

// The best answer has 5; always the middle 2.8 and random ones less.
[<Fact>]
let ``actor-critics learn from images`` () =
    let soft =
        { SoftOptions.defaults with
            Plan.TotalSteps = 1_600L
            Network.Hidden = [ 32 ]
            OffPolicy.BatchSize = 32
            OffPolicy.Discount = 0.5
            InitialTemperature = 0.1
        }

    let td3 = { Td3Options.defaults with Plan = soft.Plan; Network = soft.Network; OffPolicy = soft.OffPolicy }

    Assert.InRange(aimed (Sac.create { SacOptions.defaults with Soft = soft }), 4.0, 5.0)
    Assert.InRange(aimed (CrossQ.create { CrossQOptions.defaults with Soft = soft }), 4.0, 5.0)
    Assert.InRange(aimed (Td3.create td3), 4.0, 5.0)

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

/// Σ_b π(b|s) x(s, b) of S states.
let private expected (policy: float[]) (x: float[]) =
    Array.map2 (*) policy x |> Array.chunkBySize 2 |> Array.map Array.sum

[<Theory; InlineData(0.05); InlineData(0.7); InlineData(4.0)>]
let ``the fixed point of SAC's objectives on a finite process is soft value iteration's`` (temperature: float) =
    let alpha = Expr.number temperature
    let softmax (q: float[]) = numbers (Expr.softmax -1 (Expr.constant (Tensor.create [| 3; 2 |] q) / alpha))

    /// The expected actor's loss of the softmax policy of logits at each state.
    let actorLoss (q: float[]) (logits: Expr) =
        let table = Expr.reshape [| 3; 2 |] logits
        let values = Expr.constant (Tensor.create [| 3; 2 |] q)
        let loss = OffPolicy.softActorLoss alpha (Expr.logSoftmax -1 table) values values
        Expr.sum (Expr.softmax -1 table * loss)

    let slope q (logits: float[]) = numbers (Diff.grad (actorLoss q) (Expr.vector logits))

    /// The expected target over s′ and a′ of the critics at each (s, a).
    let targets (q: float[]) =
        let policy = softmax q
        let logs = policy |> Array.map log
        let ones, none = Expr.vector (Array.create 6 1.0), Expr.vector (Array.create 6 0.0)
        // r + γ (q − α ln π) with r = 0 and γ = 1 is the soft value of the next state and action.
        let next =
            OffPolicy.softTarget
                alpha
                none
                ones
                (Expr.vector q)
                (Expr.vector (Array.map ((+) 0.5) q))
                (Expr.vector logs)

        Mdp.actionValues process' (expected policy (numbers next))

    let q = Bellman.iterate 500 targets (Array.zeroCreate 6)
    let values = Bellman.iterate 500 (Bellman.soft temperature process') (Array.zeroCreate 3)
    Array.iter2 (fun (soft: float) q -> Assert.Equal(soft, q, 9)) (Mdp.actionValues process' values) q
    // The policy that the targets follow is where the actor's loss has no slope, and others have one.
    let best = q |> Array.map (fun value -> value / temperature)
    Assert.All(slope q best, (fun value -> Assert.Equal(0.0, value, 9)))
    Assert.Contains(slope q (Array.zeroCreate 6), (fun value -> abs value > 1e-3))
