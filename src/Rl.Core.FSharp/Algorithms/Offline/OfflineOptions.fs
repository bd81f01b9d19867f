/// Options that all algorithms which learn from recorded steps have.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// How recorded steps are taken, and when the agent's own join them.
type RecordedOptions =
    {
        /// Divide rewards by the standard deviation of the data's discounted returns, so that values have a size that
        /// weights and penalties are meant for.
        NormaliseRewards: bool
        /// Gradient steps from the data alone; from then on each follows a step of the agent in the environment, which
        /// joins what is drawn from. 0 for the data alone, however long training goes on.
        OfflineSteps: int64
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module RecordedOptions =
    let private o = Unchecked.defaultof<RecordedOptions>
    let private r = Unchecked.defaultof<OffPolicyOptions>

    /// The data alone, with rewards of a size that does not depend on the environment's.
    let defaults: RecordedOptions = { NormaliseRewards = true; OfflineSteps = 0L }

    /// A row an option.
    let rows: OptionRow<RecordedOptions> list =
        [
            Options.flag (nameof o.NormaliseRewards) _.NormaliseRewards (fun v c -> { c with NormaliseRewards = v })
            Options.long (nameof o.OfflineSteps) (Range.atLeast 0.0) _.OfflineSteps (fun v c ->
                { c with OfflineSteps = v })
        ]

    /// How steps are drawn: 256 of the data, each time alike.
    let replayed: OffPolicyOptions = { OffPolicyOptions.defaults with LearningStarts = 0; BatchSize = 256 }

    /// The rows of how steps are drawn.
    let replayedRows: OptionRow<OffPolicyOptions> list =
        OffPolicyOptions.rows
        |> List.filter (fun row ->
            List.contains row.Name [ nameof r.BatchSize; nameof r.Discount; nameof r.RoundSteps ])
        |> Options.meaning (nameof r.BatchSize) "Steps that an update learns from, drawn from the data."
        |> Options.meaning (nameof r.RoundSteps) "Gradient steps between reports. They change nothing that is learned."

    /// The rows of the plan.
    let planRows: OptionRow<PlanOptions> list =
        PlanOptions.rows
        |> Options.meaning
            (nameof Unchecked.defaultof<PlanOptions>.TotalSteps)
            "Gradient steps that training is planned for; schedules end there."

    /// Options, as texts, with which an update takes little time.
    let internal small = [ "BatchSize", "16"; "RoundSteps", "12"; "Hidden", "16" ]

/// Options of actor-critics that clone the data's actions by weights: IQL, AWAC and CRR.
type WeightedOptions =
    {
        Plan: PlanOptions
        Replayed: OffPolicyOptions
        Recorded: RecordedOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for critics and values.
        CriticLearningRate: RateSchedule
        /// The number of critics, of which the least value counts.
        Critics: int
        /// The share τ of the online networks in their targets after each step.
        TargetRate: float
        /// β: an action of advantage A is cloned with the weight exp(β A).
        InverseTemperature: float
        /// The largest weight of an action.
        LargestWeight: float
        /// The least ln σ of the policy, a parameter of its own.
        LeastLogDeviation: float
        /// The largest ln σ of the policy.
        LargestLogDeviation: float
        /// Layers for observations that are images, of each network: those of DQN for Atari for 36 pixels and more,
        /// else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module WeightedOptions =
    let private o = Unchecked.defaultof<WeightedOptions>

    /// Two layers of 256 units and steps of 3e-4, as the papers have them; observations are normalised.
    let defaults: WeightedOptions =
        {
            Plan = { TotalSteps = 50_000L }
            Replayed = RecordedOptions.replayed
            Recorded = RecordedOptions.defaults
            Network =
                { NetworkOptions.defaults [ 256; 256 ] with
                    Activation = Activation.Relu
                    NormaliseObservations = true
                }
            Rate = { LearningRate = RateSchedule.Constant 3e-4 }
            CriticLearningRate = RateSchedule.Constant 3e-4
            Critics = 2
            TargetRate = 0.005
            InverseTemperature = 10.0
            LargestWeight = 100.0
            LeastLogDeviation = -5.0
            LargestLogDeviation = 2.0
            Convolutions = Convolutions.Automatic
        }

    let private before: OptionRow<WeightedOptions> list =
        [
            yield! Options.group _.Plan (fun v (c: WeightedOptions) -> { c with Plan = v }) RecordedOptions.planRows
            yield!
                Options.group
                    _.Replayed
                    (fun v (c: WeightedOptions) -> { c with Replayed = v })
                    RecordedOptions.replayedRows
            yield! Options.group _.Recorded (fun v (c: WeightedOptions) -> { c with Recorded = v }) RecordedOptions.rows
            yield! Options.group _.Rate (fun v (c: WeightedOptions) -> { c with Rate = v }) ActorCritics.rateRows
            Options.rate (nameof o.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            Options.whole (nameof o.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof o.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof o.InverseTemperature) Range.notNegative _.InverseTemperature (fun v c ->
                { c with InverseTemperature = v })
            Options.number (nameof o.LargestWeight) Range.positive _.LargestWeight (fun v c ->
                { c with LargestWeight = v })
        ]

    let private after: OptionRow<WeightedOptions> list =
        let network rows =
            Options.group (fun (c: WeightedOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        [
            Options.number (nameof o.LeastLogDeviation) Range.finite _.LeastLogDeviation (fun v c ->
                { c with LeastLogDeviation = v })
            Options.number (nameof o.LargestLogDeviation) Range.finite _.LargestLogDeviation (fun v c ->
                { c with LargestLogDeviation = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofActionCritics NetworkOptions.layers)
            Options.convolutions (nameof o.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// A row an option, in the order of files, of options that have these as a field: those of an algorithm alone stand
    /// before those of networks.
    let around (get: 'C -> WeightedOptions) (set: WeightedOptions -> 'C -> 'C) (own: OptionRow<'C> list) =
        Options.group get set before @ own @ Options.group get set after

    let internal actorRate (c: WeightedOptions) = Rate.create (nameof c.Rate.LearningRate) c.Rate.LearningRate
    let internal criticRate (c: WeightedOptions) = Rate.create (nameof c.CriticLearningRate) c.CriticLearningRate

    /// Fails for options that do not go together.
    let validate (c: WeightedOptions) : unit =
        if not (c.LeastLogDeviation < c.LargestLogDeviation) then
            Guard.fail
                (nameof c.LeastLogDeviation)
                ($"LeastLogDeviation is {c.LeastLogDeviation} and LargestLogDeviation {c.LargestLogDeviation}; the "
                 + "first must be less.")
