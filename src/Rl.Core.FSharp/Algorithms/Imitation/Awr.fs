/// Weighted cloning of recorded behaviour that was not all good: by what was earned from a step on, or by how much more
/// that was than expected.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What the weight of a recorded action follows.
[<RequireQualifiedAccess>]
type RegressionWeight =
    /// exp((G − max G)/β) of the reward-to-go G (reward-weighted regression).
    | Return
    /// exp((G − V(s))/β), at most `LargestWeight` (advantage-weighted regression).
    | Advantage

/// Options of advantage-weighted regression (Peng et al. 2019) and reward-weighted regression (Peters and Schaal 2007).
type AwrOptions =
    {
        /// `TotalSteps` are gradient steps here: nothing acts.
        Plan: PlanOptions
        /// Gradient steps between reports. They change nothing that is learned.
        RoundSteps: int
        /// γ of the rewards-to-go that actions are weighed by.
        Discount: float
        /// What the weight of an action follows: its reward-to-go, or how much more that is than the state's value.
        Weighting: RegressionWeight
        /// β: the smaller, the more the better actions count; in units of the standard deviation of rewards-to-go.
        Temperature: float
        /// An advantage's weight is this at most.
        LargestWeight: float
        /// Adam's step size for the values of states.
        ValueLearningRate: RateSchedule
        Cloning: CloningOptions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module AwrOptions =

    /// The paper's largest weight, and a temperature of half a standard deviation.
    let defaults =
        {
            Plan = { TotalSteps = 20_000L }
            RoundSteps = 500
            Discount = 0.99
            Weighting = RegressionWeight.Advantage
            Temperature = 0.5
            LargestWeight = 20.0
            ValueLearningRate = RateSchedule.Constant 1e-3
            Cloning = CloningOptions.defaults
        }

    let private weightings = [ "return", RegressionWeight.Return; "advantage", RegressionWeight.Advantage ]

    /// A row an option, in the order of files.
    let rows: OptionRow<AwrOptions> list =
        let d = defaults

        [
            yield!
                Options.group _.Plan (fun v (c: AwrOptions) -> { c with Plan = v }) PlanOptions.rows
                |> Options.meaning
                    (nameof d.Plan.TotalSteps)
                    "Gradient steps that training is planned for; schedules end there. Nothing acts in an environment."
            Options.whole (nameof d.RoundSteps) (Range.atLeast 1.0) _.RoundSteps (fun v c -> { c with RoundSteps = v })
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.choice weightings (nameof d.Weighting) _.Weighting (fun v c -> { c with Weighting = v })
            Options.number (nameof d.Temperature) Range.positive _.Temperature (fun v c -> { c with Temperature = v })
            Options.number (nameof d.LargestWeight) Range.positive _.LargestWeight (fun v c ->
                { c with LargestWeight = v })
            Options.rate (nameof d.ValueLearningRate) _.ValueLearningRate (fun v c -> { c with ValueLearningRate = v })
            yield!
                Options.group _.Cloning (fun v (c: AwrOptions) -> { c with Cloning = v }) CloningOptions.rows
                |> NetworkOptions.ofTwo
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: AwrOptions) =
        NetworkOptions.validate rows defaults options
        CloningOptions.validate options.Cloning

    /// The options as named texts.
    let toPairs (options: AwrOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : AwrOptions = Options.ofPairs rows pairs defaults

/// Rewards-to-go of recorded steps.
[<RequireQualifiedAccess>]
module RewardsToGo =

    /// Gₜ = rₜ + γ Gₜ₊₁ of each row of a recording's replay, to the end of its episode: a cut episode counts what it
    /// earned until then.
    let ofReplay (columns: TransitionColumns) (discount: float) (replay: Replay) : float[] =
        let result = Array.zeroCreate<float> replay.Count

        for row in replay.Count - 1 .. -1 .. 0 do
            let goesOn = row + 1 < replay.Count && replay.Step(row + 1) > 0
            let next = if goesOn then discount * result[row + 1] else 0.0
            result[row] <- float (replay.Number(columns.Rewards, row)) + next

        result

/// Advantage-weighted regression on recorded episodes alone.
[<RequireQualifiedAccess>]
module Awr =

    /// (G − mean)/σ of each row's reward-to-go G, and the largest of them.
    let private standardised (columns: TransitionColumns) discount (replay: Replay) : struct (float32[] * float32) =
        let returns = RewardsToGo.ofReplay columns discount replay
        let mean = Array.average returns
        let deviation = sqrt (returns |> Array.averageBy (fun g -> (g - mean) * (g - mean)))
        let scaled = returns |> Array.map (fun g -> float32 ((g - mean) / (deviation + 1e-8)))
        struct (scaled, Array.max scaled)

    let private critic (observations: Space) (c: AwrOptions) : Mlp =
        match NetworkDesign.critic c.Cloning.Network.Network with
        | Some path ->
            let graph = DesignedGraph.create (Initialiser.Orthogonal Initialiser.rootTwo) observations path
            { Mlp.create 1.0 graph.Inputs [] 1 with Graph = Some graph }
        | None ->
            { Mlp.create 1.0 (Encoding.size observations) c.Cloning.Network.Hidden 1 with
                Activation = c.Cloning.Network.Activation
            }

    let private parameters (c: AwrOptions) (observations: Space) (actions: Space) : int =
        let actor = Cloning.actor c.Cloning observations actions
        (Actor.layout actor).Count + (Mlp.layout (critic observations c)).Count

    let private bind (c: AwrOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let observations, actions = environment.ObservationSpace, environment.ActionSpace
        let actor = Cloning.actor c.Cloning observations actions
        let critic = critic observations c
        let actorLayout = Actor.layout actor
        let layout = Layout.append actorLayout (Layout.merge [ "critic", Mlp.layout critic ])
        let columns = RecordedReplay.columns observations actions
        let size = c.Cloning.BatchSize
        let returns, largest = Column.number "returns", Column.scalar "largestReturn"
        let valueRate = Rate.create (nameof c.ValueLearningRate) c.ValueLearningRate
        let rates = [ Cloning.learningRate c.Cloning; valueRate ]
        let criticPart = { First = actorLayout.Count; Layout = Mlp.layout critic }

        let valueOptimiser = Optimiser.adam (Rate.stepSize valueRate) 1e-8 |> NetworkOptions.constrain c.Cloning.Network

        let values =
            let terms (batch: Batch) =
                let value = Mlp.apply critic (batch.Parameters "critic") batch[columns.Observations] |> Expr.squeeze -1
                [ Term.mean "valueLoss" 1.0 (PolicyGradients.valueLoss value batch[returns]) ]

            Update.create
                {
                    Name = "value step"
                    Groups =
                        [
                            ParameterGroup.ofPart
                                "critic"
                                criticPart
                                (GroupMotion.Learns("valueOptimiser", valueOptimiser))
                        ]
                    Shape = SampleShape.steps size
                    MaxGradientNorm = 0.0
                    Loss = terms
                }

        let policy =
            let exponent (batch: Batch) =
                match c.Weighting with
                | RegressionWeight.Return -> batch[returns] - batch[largest]
                | RegressionWeight.Advantage ->
                    let value = Mlp.apply critic (batch.Parameters "critic") batch[columns.Observations]
                    batch[returns] - Expr.squeeze -1 value

            let weigh (batch: Batch) = Regression.advantageWeight c.Temperature c.LargestWeight (exponent batch)

            Cloning.updateWith
                (Some weigh)
                [ ParameterGroup.ofPart "critic" criticPart GroupMotion.Stays ]
                c.Cloning
                actor
                columns

        let batch = TransitionBatch(columns, [], size, 1, 0.0)
        let drawn = Array.zeroCreate<float32> size
        let samples = batch.Samples.With [ returns, drawn ]
        let known = LearnerData("awr", observations, actions)
        let normalises = c.Cloning.Network.NormaliseObservations
        let mutable weighed: struct (Replay * float32[] * float32) voption = ValueNone

        let returnsOf (replay: Replay) : struct (float32[] * float32) =
            match weighed with
            | ValueSome(struct (last, scaled, most)) when obj.ReferenceEquals(last, replay) -> struct (scaled, most)
            | _ ->
                let struct (scaled, most) = standardised columns c.Discount replay
                weighed <- ValueSome(struct (replay, scaled, most))
                struct (scaled, most)

        let learn (given: TrainingState) () =
            let struct (data, state) = known.Adopt(given, false)
            let struct (scaled, most) = returnsOf data

            let statistics =
                if normalises && state.Observations.Count = 0.0 then
                    RecordedReplay.observationStatistics columns data
                else
                    state.Observations

            let draft = Draft state
            let ofValues, ofPolicy = Means(values, [ "valueLoss" ]), Means(policy, Cloning.metrics)
            values.Load draft
            policy.Load draft
            Rate.set c.Plan state.Steps rates [ values; policy ]
            policy.Set(largest, float most)
            let steps = int (min (int64 c.RoundSteps) (max 1L (c.Plan.TotalSteps - state.Steps)))
            let mutable key = state.Key

            for _ in 1..steps do
                key <- batch.Draw(data, key)
                Rows.gather (ReadOnlySpan scaled, 1, batch.Rows, Span drawn)
                let shown = batch.Samples[columns.Observations]
                Encoding.normalise statistics Encoding.Limit (ReadOnlySpan shown) (Span shown)
                values.ChooseAll samples
                values.Run workers
                ofValues.Add()
                ActorCritics.pass "critic" values policy
                policy.ChooseAll samples
                policy.Run workers
                ofPolicy.Add()

            values.Store draft
            policy.Store draft

            let next =
                { draft.Onto state with
                    Steps = state.Steps + int64 steps
                    Updates = state.Updates + 1L
                    Observations = statistics
                    Key = key
                }

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes = [||]
                        Metrics =
                            [| yield! ofPolicy.All; yield! ofValues.All; yield! Rate.metrics c.Plan state.Steps rates |]
                    })

        Learner.ofFunctions
            {
                Algorithm = "awr"
                Environment = environment
                Network = actor
                Options = AwrOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = ActorCritics.arrays [ policy; values ] @ [ LearnerData.Name, LearnerData.Initial ]
                Start = Learners.start layout environment normalises false
                Collect = ignore
                Learn = learn
            }

    /// Binds options to spaces, of an environment or of recorded data (`RecordedSpaces`); `LearnerData.Give` gives it
    /// the data.
    let create (options: AwrOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        AwrOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "awr"
                Name = "Advantage-weighted regression"
                Summary =
                    ("Clones recorded behaviour, the better actions more than the others: weighted with exp(A/β) of "
                     + "their advantage, or of their reward-to-go (Peng et al. 2019).")
                Source =
                    ("Peng, Kumar, Zhang, Levine, \"Advantage-weighted regression: simple and scalable off-policy "
                     + "reinforcement learning\" (2019)")
                Family = AlgorithmFamily.Imitation
            }
            AwrOptions.defaults
            AwrOptions.rows
            [ "RoundSteps", "60"; "BatchSize", "16"; "Hidden", "16" ]
            AwrOptions.validate
            create
        |> AlgorithmEntry.withData
        |> AlgorithmEntry.withParameters AwrOptions.ofPairs parameters
