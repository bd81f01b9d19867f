/// The learners against their plainest form: every number that a transition depends on comes from the right step of the
/// right copy.
module Rl.Tests.Algorithms.PlainLearnerTests

open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Xunit
open Rl.Core.Learning

/// Episodes of falling poles and of time limits.
let private poles copies = (Registry.make "CartPole-v1").Vectorise(copies, 18)

/// A state after two transitions, with the learner that made it.
let private later (learner: Learner) =
    let mutable state = learner.Initialise(Rng.create 11UL)

    for _ in 1..2 do
        let struct (next, _) = learner.Transition state
        state <- next

    state

let private ppoConfiguration =
    { PpoOptions.defaults with
        Rollout.RolloutSteps = 40
        MinibatchSize = 50
        Epochs = 3
        Network.Hidden = [ 8 ]
        Plan.TotalSteps = 400L
        Rollout.Discount = 0.9
        Rollout.GaeLambda = 0.7
        EntropyCoefficient = RateSchedule.Constant 0.02
    }

/// |moved − expected| is small against |moved − start|.
let private sameMove (start: float32[]) (expected: float[]) (actual: float32[]) =
    let norm (values: float[]) = sqrt (Array.sumBy (fun value -> value * value) values)
    let expectedMove = Array.map2 (fun (a: float) (b: float32) -> a - float b) expected start
    let difference = Array.map2 (fun (a: float) (b: float32) -> a - float b) expected actual
    Assert.True(norm expectedMove > 1e-3, $"θ moved by {norm expectedMove} only.")
    let relative = norm difference / norm expectedMove
    Assert.True(relative < 0.01, $"θ is {relative} of its move away from where plain PPO takes it.")

let private agrees (c: PpoOptions) copies start =
    use workers = new Workers(1)
    use learner = Ppo.create c (poles copies) workers
    let state: TrainingState = start learner
    let struct (expected, epochs) = PlainLearners.ppo c learner state
    let struct (next, report) = learner.Transition state
    sameMove state.Parameters expected next.Parameters
    let struct (_, reported) = report.Metrics |> Array.find (fun struct (name, _) -> name = "epochs")
    Assert.Equal(float epochs, reported)
    epochs

/// The first state with other parameters, whose policy is far from uniform.
let private first (learner: Learner) =
    let state = learner.Initialise(Rng.create 5UL)
    let mutable rng = Rng.create 6UL

    let noise () =
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 value

    { state with Parameters = state.Parameters |> Array.map (fun value -> value + 0.5f * noise ()) }

[<Fact>]
let ``a transition of PPO moves θ where plain PPO moves it, over falls and time limits`` () =
    let rollout =
        use workers = new Workers(1)
        use learner = Ppo.create ppoConfiguration (poles 4) workers
        PlainLearners.rollout learner ppoConfiguration.Rollout.RolloutSteps (first learner) |> Array.concat

    Assert.Contains(rollout, (fun step -> step.Terminated))
    Assert.Contains(rollout, (fun step -> step.Truncated))
    Assert.Equal(3, agrees ppoConfiguration 4 first)

[<Fact>]
let ``PPO scales rewards by the deviation of the returns so far, and normalises what the network sees`` () =
    agrees { ppoConfiguration with Rollout.NormaliseRewards = true } 4 first |> ignore

[<Fact>]
let ``PPO stops its epochs where the divergence is too large`` () =
    Assert.Equal(1, agrees { ppoConfiguration with TargetKl = RateSchedule.Constant 1e-9 } 4 first)

[<Fact>]
let ``PPO lowers its rates in a straight line`` () =
    use workers = new Workers(1)

    for annealed in [ true; false ] do
        let schedule initial =
            if annealed then
                RateSchedule.linear initial 0.0
            else
                RateSchedule.Constant initial

        let first = RateSchedule.at 0.0 ppoConfiguration.Rate.LearningRate
        let c = { ppoConfiguration with Rate.LearningRate = schedule first; ClipRange = schedule 0.2 }
        use learner = Ppo.create c (poles 4) workers
        let struct (_, report) = learner.Transition(later learner)
        // 320 of 400 steps are done.
        let struct (_, rate) = report.Metrics |> Array.find (fun struct (name, _) -> name = "learningRate")
        Assert.Equal((if annealed then 0.2 else 1.0) * first, rate, 1e-8)

let private estimates = [ ReturnEstimate.FullReturn; ReturnEstimate.RewardToGo ]

[<Fact>]
let ``a transition of REINFORCE has the losses and the gradient of plain REINFORCE, whatever is cut`` () =
    use workers = new Workers(1)

    let configurations =
        [
            for estimate in estimates do
                { ReinforceOptions.defaults with Estimate = estimate; Baseline = ReturnBaseline.None }
                { ReinforceOptions.defaults with Estimate = estimate; Baseline = ReturnBaseline.Learned }
            { ReinforceOptions.defaults with Baseline = ReturnBaseline.Average; NormaliseAdvantages = false }
            // Shorter than most episodes: their rest is another trajectory.
            { ReinforceOptions.defaults with MaxTrajectorySteps = 7; Network.NormaliseObservations = true }
        ]

    for c in configurations do
        let c =
            { c with
                Network.Hidden = [ 8 ]
                EpisodesPerUpdate = 9
                ValueSteps = 1
                EntropyCoefficient = RateSchedule.Constant 0.1
                Discount = 0.9
            }

        use learner = Reinforce.create c (poles 4) workers
        let state = later learner
        let struct (_, report) = learner.Transition state
        let known = dict [ for struct (name, value) in report.Metrics -> name, value ]

        for name, expected in PlainLearners.reinforce c learner state do
            let difference = abs (known[name] - expected)

            Assert.True(
                difference <= 1e-3 * (0.1 + abs expected),
                ($"{name} is {known[name]} instead of {expected} ({c.Estimate}, {c.Baseline}, at most "
                 + $"{c.MaxTrajectorySteps} steps).")
            )
