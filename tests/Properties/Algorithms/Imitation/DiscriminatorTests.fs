/// Discriminators as judges: what they pay is what their networks say of what the environment saw and took.
module Rl.Tests.Algorithms.Imitation.DiscriminatorTests

open System
open System.Threading
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Tests.Algorithms
open Xunit

let private steps, copies = 9, 3

let private options =
    { DiscriminatorOptions.defaults with
        DiscriminatorHidden = [ 7 ]
        DiscriminatorSteps = 3
        DiscriminatorBatchSize = 16
        DiscriminatorLearningRate = RateSchedule.Constant 0.05
    }

/// Turns as it likes: an expert whose episodes are there to be told apart.
let private turns: Expert =
    {
        Name = "turns"
        Act = ExpertActions(fun _ observations _ actions -> actions.Fill(observations[0] * 1.5f))
    }

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()

/// A rollout of a pendulum, part of whose actions lie outside their bounds and one of whose steps terminates; what the
/// judge paid, and what its networks say by themselves.
let private judged (form: DiscriminatorForm) (inputs: DiscriminatorInputs) =
    let options = { options with DiscriminatorInputs = inputs }
    let environment = (Registry.make "Pendulum-v1").Vectorise copies
    let network = OnPolicy.network (NetworkOptions.defaults [ 5 ]) { InitialLogStandardDeviation = 0.0 } environment
    let plan: PlanOptions = { TotalSteps = 1000L }
    use workers = new Workers(1)
    let judge = Discriminator.judge "gail" form options plan steps environment workers network

    let source =
        RolloutSource(
            network,
            environment,
            RolloutOptions.Plain(steps, 0.9, 0.9, false, false),
            Some judge.Around,
            workers
        )

    let state = (judge.Start source.Start).Initialise judge.Arrays (Rng.create 3UL)

    let episodes =
        Demonstrations.record
            turns
            ((Registry.make "Pendulum-v1").Vectorise 2)
            2
            (Rng.create 4UL)
            CancellationToken.None

    let space, actions = environment.ObservationSpace, environment.ActionSpace
    let data = RecordedReplay.ofEpisodes space actions network.Actor.Actions "the data" episodes
    let state = { state with Replay = Some data }
    let struct (rollout, acted) = source.Act state
    rollout.Actions[4] <- 3.0f
    rollout.Actions[7] <- -2.5f
    rollout.Terminated[5] <- true
    let draft = Draft acted
    let verdict = judge.Judge draft state rollout
    let networks = DiscriminatorNetworks.create form options space actions

    let parameters =
        draft.Array Discriminator.Group
        |> Array.map float
        |> Expr.vector
        |> Parameters.create networks.Layout

    let statistics = RecordedReplay.observationStatistics (RecordedReplay.columns space actions) data

    let seen (row: int) =
        Array.init 3 (fun index ->
            let deviation = sqrt (RunningStatistics.variance index statistics + 1e-8)
            // States far from the expert's are all as far.
            Math.Clamp((float rollout.Observations[3 * row + index] - statistics.Mean[index]) / deviation, -10.0, 10.0))

    // Of the last steps only the judge knows what came next.
    let rows = [| 0 .. (steps - 1) * copies - 1 |]

    let table width (values: int -> float[]) =
        Expr.reshape [| rows.Length; width |] (Expr.vector (rows |> Array.collect values))

    let taken row = [| Math.Clamp(2.0 * float rollout.Actions[row], -2.0, 2.0) |]
    let continues = rows |> Array.map (fun row -> if row = 5 then 0.0 else 1.0) |> Expr.vector

    let expected =
        DiscriminatorNetworks.reward
            networks
            parameters
            (table 3 seen)
            (table 1 taken)
            (table 3 (fun row -> seen (row + copies)))
            continues
        |> numbers
        |> Array.mapi (fun row paid -> if form.IsShaped then paid - float rollout.LogProbabilities[row] else paid)

    struct (expected, rows |> Array.map (fun row -> float verdict.Rewards[row]), verdict, draft, state)

let private alike (expected: float[]) (actual: float[]) =
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 2e-4 * (1.0 + abs e))) expected actual

[<Fact>]
let ``the policy is paid what the discriminator says after its steps of clipped actions and normalised states`` () =
    for kind in [ DiscriminatorReward.Surviving; DiscriminatorReward.Ending; DiscriminatorReward.LogOdds ] do
        for inputs in [ DiscriminatorInputs.StateAction; DiscriminatorInputs.State; DiscriminatorInputs.Transition ] do
            let struct (expected, paid, verdict, draft, state) = judged (DiscriminatorForm.Plain kind) inputs
            alike expected paid
            Assert.NotEqual<float32[]>(state.Array Discriminator.Group, draft.Array Discriminator.Group)
            Assert.NotEqual(state.Key, verdict.Key)

[<Fact>]
let ``AIRL pays g + γ h(s′) − h(s) − ln π(a|s), where the potential of a terminal state is 0`` () =
    for inputs in [ DiscriminatorInputs.StateAction; DiscriminatorInputs.State ] do
        let struct (expected, paid, _, _, _) = judged (DiscriminatorForm.Shaped 0.9) inputs
        alike expected paid

[<Fact>]
let ``judging again from the same state pays the same`` () =
    let form = DiscriminatorForm.Plain DiscriminatorReward.Surviving
    let struct (_, once, _, _, _) = judged form DiscriminatorInputs.StateAction
    let struct (_, again, _, _, _) = judged form DiscriminatorInputs.StateAction
    Assert.Equal<float[]>(once, again)

[<Fact>]
let ``with more steps the discriminator tells a policy from an expert that is not like it`` () =
    let learner steps =
        let pairs = [ "RolloutSteps", "64"; "DiscriminatorSteps", string steps; "DiscriminatorLearningRate", "3e-3" ]
        let gail = Gail.create (GailOptions.ofPairs pairs) ((Registry.make "Pendulum-v1").Vectorise 4) (new Workers(1))

        let episodes =
            Demonstrations.record
                turns
                ((Registry.make "Pendulum-v1").Vectorise 2)
                4
                (Rng.create 4UL)
                CancellationToken.None

        LearnerData.Give(Recordings.replayFor gail episodes, gail)

    let loss steps =
        let learner = learner steps
        let struct (_, report) = learner.Transition(learner.Initialise(Rng.create 1UL))
        let struct (_, loss) = report.Metrics |> Array.find (fun (struct (name, _)) -> name = "discriminatorLoss")
        loss

    // It begins at ln 2 for a discriminator that knows nothing.
    Assert.True(loss 200 < loss 5)
    Assert.InRange(loss 200, 0.0, 0.55)
