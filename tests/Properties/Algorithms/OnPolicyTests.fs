/// What on-policy learners share, and what PPG and V-MPO add: steps in lanes, minibatches, distillation, multipliers.
[<FsCheck.Xunit.Properties(Replay = "(4719051,4719053)")>]
module Rl.Tests.Algorithms.OnPolicyTests

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers
open Xunit

let private random (shape: int[]) (seed: uint64) =
    let mutable rng = Rng.create seed

    Tensor.init shape (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        value)

[<Theory; InlineData(40, 1); InlineData(200, 3)>]
let ``a train step in lanes moves its part of θ and its extra numbers along the whole gradient`` (m: int) (lanes: int) =
    let network = ActorCritic.separate Activation.Tanh 3 [ 6 ] (CategoricalPolicy.create 2)
    let part = Part.critic network
    let n = part.Layout.Count
    let extra: StateVariable list = [ { Name = "scale"; Shape = Shape.scalar; Initial = 2.0 } ]

    // mean (scale · V − G)² + scale³, a loss with a term that belongs to no sample.
    let loss (scale: Expr) (value: Expr) (target: Expr) (mean: Expr -> Expr) (share: Expr -> Expr) =
        mean (Expr.square (scale * value - target)) + share (scale * scale * scale)

    let observations, returns = Column.step "observations" 3, Column.number "returns"
    let motion = GroupMotion.Learns("optimiser", Optimiser.sgd (Schedule.constant 0.1) 0.9 0.0 false 0.0)

    let update =
        Update.create
            {
                Name = "step"
                Groups = [ ParameterGroup.ofPart "critic" part motion; ParameterGroup.beside "extra" extra motion ]
                Shape = SampleShape.steps m
                MaxGradientNorm = 0.0
                Loss =
                    fun batch ->
                        let scale = batch.Block("extra", "scale")
                        let value = ActorCritic.value network (batch.Parameters "critic") batch[observations]

                        [
                            Term.mean "error" 1.0 (Expr.square (scale * value - batch[returns]))
                            Term.once "cube" 1.0 (scale * scale * scale)
                        ]
            }

    Assert.Equal((if lanes = 1 then 0 else lanes), update.Program.LaneCount)
    let struct (start, _) = Layout.initialise (Rng.create 2UL) (ActorCritic.layout network)
    use workers = new Workers(1)
    let environment = (Registry.make "CartPole-v1").Vectorise 1

    let initial =
        (Learners.start (ActorCritic.layout network) environment false false).Initialise update.Arrays (Rng.create 1UL)

    let before = Array.map float32 start
    let draft = Draft { initial with Parameters = before }
    let seen, targets = random [| m; 3 |] 4UL, random [| m |] 5UL
    let singles (tensor: Tensor) = tensor.ToArray() |> Array.map float32
    update.Load draft
    update.ChooseAll(Samples.OfRollout(1, [ observations, singles seen; returns, singles targets ]))
    update.Run workers
    update.Store draft
    let theta, scaled = draft.Theta, (draft.Array "extra")[0]

    let point = Expr.fresh (Expr.vector [| for value in part.First .. part.First + n - 1 -> float before[value] |])
    let scale = Expr.fresh (Expr.number 2.0)
    let value = ActorCritic.value network (Parameters.create part.Layout point) (Expr.constant seen)
    let whole = loss scale value (Expr.constant targets) Expr.mean id
    let gradients = Diff.gradients whole [| point; scale |] |> Array.map (fun g -> (Reference.evaluate g).ToArray())
    Assert.Equal((Reference.evaluate whole).Scalar, update.Scalar "error" + update.Scalar "cube", 1e-3)
    Assert.Equal(2.0 - 0.1 * gradients[1][0], float scaled, 1e-3)

    for i in 0 .. theta.Length - 1 do
        if i < part.First || i >= part.First + n then
            Assert.Equal(before[i], theta[i])
        else
            Assert.Equal(float before[i] - 0.1 * gradients[0][i - part.First], float theta[i], 1e-4)

[<Fact>]
let ``the parts of a network are its blocks, without gaps`` () =
    let network = ActorCritic.separate Activation.Tanh 3 [ 6 ] (DiagonalNormalPolicy.create 2 0.0)
    let actor, critic, mode = Part.actor network, Part.critic network, Part.mode network.Actor
    Assert.Equal((ActorCritic.layout network).Count, actor.Layout.Count + critic.Layout.Count)
    Assert.Equal(actor.Layout.Count - 2, mode.Layout.Count)
    Assert.Equal(0, actor.First)
    Assert.Equal(actor.Layout.Count, critic.First)

[<Property>]
let ``the minibatches of an epoch share no sample, and leave out fewer than one has``
    (seed: uint64)
    (samples: byte)
    (largest: byte)
    =
    let samples, largest = int samples + 1, int largest + 1
    let minibatches = Minibatches.OfLargest(samples, largest)
    let seen = ResizeArray<int>()
    minibatches.Run(1, Rng.create seed, fun minibatch -> seen.AddRange minibatch.Units) |> ignore

    seen.Count = minibatches.Count * minibatches.Size
    && Seq.length (Seq.distinct seen) = seen.Count
    && Seq.forall (fun row -> row >= 0 && row < samples) seen
    && minibatches.Size <= largest
    && samples - seen.Count < minibatches.Count

[<Property>]
let ``epochs follow from the generator alone`` (seed: uint64) =
    let minibatches = Minibatches.OfLargest(20, 6)

    let run key =
        let rows = ResizeArray<int>()
        let next = minibatches.Run(2, key, fun minibatch -> rows.AddRange minibatch.Units)
        rows.ToArray(), next

    run (Rng.create seed) = run (Rng.create seed)

[<Fact>]
let ``standardised advantages have mean 0 and unbiased deviation 1; equal ones become 0`` () =
    let values = (random [| 50 |] 7UL).ToArray() |> Array.map (fun x -> float32 (3.0 + 2.0 * x))
    let standard = OnPolicy.standardise values |> Array.map float
    Assert.Equal(0.0, Array.average standard, 1e-6)
    Assert.Equal(49.0, standard |> Array.sumBy (fun x -> x * x), 1e-3)
    Assert.All(OnPolicy.standardise (Array.create 5 1.5f), (fun value -> Assert.Equal(0.0f, value)))

let private metric name (report: Report) =
    let struct (_, value) = report.Metrics |> Array.find (fun struct (known, _) -> known = name)
    value

[<Theory; InlineData("CartPole-v1"); InlineData("Pendulum-v1")>]
let ``cloning holds the policy where it is while its features learn values`` (id: string) =
    use workers = new Workers(1)

    let run (coefficient: float) =
        let configuration =
            { PpgOptions.defaults with
                Rollout.RolloutSteps = 64
                PolicyRollouts = 2
                PolicyEpochs = 1
                AuxiliaryEpochs = 30
                Rollout.NormaliseRewards = false
                CloneCoefficient = coefficient
            }

        use learner = Ppg.create configuration ((Registry.make id).Vectorise 4) workers
        let struct (_, report) = learner.Transition(learner.Initialise(Rng.create 3UL))
        metric "cloneKl" report, metric "auxiliaryLoss" report

    let free, freeLoss = run 0.0
    let held, heldLoss = run 1000.0
    Assert.InRange(held, 0.0, 0.2 * free)
    Assert.InRange(freeLoss, 0.0, 1.01 * heldLoss)

[<Fact>]
let ``multipliers stay positive, however large their steps`` () =
    use workers = new Workers(1)

    let configuration =
        { VmpoOptions.defaults with
            Rollout.RolloutSteps = 16
            LearningRate = RateSchedule.Constant 2.0
            Epochs = 10
        }

    use learner = Vmpo.create configuration ((Registry.make "Pendulum-v1").Vectorise 2) workers
    let mutable state = learner.Initialise(Rng.create 1UL)
    let mutable least = infinity

    for _ in 1..4 do
        let struct (next, _) = learner.Transition state
        state <- next

        // η, then the multipliers of means and deviations.
        for i in 0..2 do
            Assert.True((state.Array "multipliers")[i] > 0.0f, $"multiplier {i} is not positive")
            least <- Math.Min(least, float ((state.Array "multipliers").[i]))

    Assert.InRange(least, 0.0, 1e-3)

[<Fact>]
let ``V-MPO's multiplier grows while the policy moves by more than the bound`` () =
    use workers = new Workers(1)

    let run bound =
        let configuration =
            { VmpoOptions.defaults with
                Rollout.RolloutSteps = 32
                Epochs = 50
                KlBound = bound
                LearningRate = RateSchedule.Constant 3e-3
                InitialMultiplier = 0.1
            }

        use learner = Vmpo.create configuration ((Registry.make "CartPole-v1").Vectorise 4) workers
        let struct (next, report) = learner.Transition(learner.Initialise(Rng.create 1UL))
        float ((next.Array "multipliers").[1]), metric "kl" report

    let tight, tightKl = run 1e-5
    let loose, looseKl = run 10.0
    Assert.True(tight > 0.1 && loose < 0.1, $"{tight} {loose}")
    Assert.True(tightKl < looseKl, $"{tightKl} {looseKl}")
