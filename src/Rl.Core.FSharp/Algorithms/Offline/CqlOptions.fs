/// Options of conservative Q-learning.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What the target counts of s′.
[<RequireQualifiedAccess>]
type CqlBackup =
    /// The value of one action of the policy.
    | Sample
    /// The same less the temperature times its log-probability.
    | Soft
    /// The largest value of several actions of the policy.
    | Maximum

/// Options of conservative Q-learning (Kumar et al. 2020).
type CqlOptions =
    {
        Soft: SoftOptions
        Recorded: RecordedOptions
        /// The number of critics, of which the least value counts.
        Critics: int
        /// The share τ of the online critics in their targets after each step.
        TargetRate: float
        /// α: what the excess of values over those of the data's actions counts beside the squared errors.
        ConservativeWeight: float
        /// Actions that values are compared at: so many drawn uniformly, by the policy at s, and by the policy at s′.
        ConservativeActions: int
        /// The excess that a learnt weight aims at; −1 for the weight as it is.
        TargetGap: float
        /// What the target counts of s′: the value of an action of the policy, that less its entropy's part, or the
        /// largest of several.
        Backup: CqlBackup
        /// Values of the policy's actions count as no less than the data's return from that state, so that learning can
        /// go on in the environment without forgetting first (Nakamoto et al. 2023).
        Calibrated: bool
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module CqlOptions =
    let private p = Unchecked.defaultof<OffPolicyOptions>
    let private s = Unchecked.defaultof<SoftOptions>

    /// Four actions where the paper has ten, which takes 2.5 times as long, and α = 0.5 where it has 5, as rewards are
    /// normalised; the actor's steps are slower than the critics'.
    let defaults: CqlOptions =
        {
            Soft =
                { SoftOptions.defaults with
                    Plan = { TotalSteps = 50_000L }
                    OffPolicy = RecordedOptions.replayed
                    Network =
                        { NetworkOptions.defaults [ 256; 256 ] with
                            Activation = Activation.Relu
                            NormaliseObservations = true
                        }
                    Rate = { LearningRate = RateSchedule.Constant 1e-4 }
                    CriticLearningRate = RateSchedule.Constant 3e-4
                    TemperatureLearningRate = RateSchedule.Constant 1e-4
                    InitialTemperature = 0.1
                }
            Recorded = RecordedOptions.defaults
            Critics = 2
            TargetRate = 0.005
            ConservativeWeight = 0.5
            ConservativeActions = 4
            TargetGap = -1.0
            Backup = CqlBackup.Sample
            Calibrated = false
        }

    /// SAC's but how it replays.
    let internal own: OptionRow<SoftOptions> list =
        let around = SoftOptions.around id (fun v _ -> v) []
        let replayed = OffPolicyOptions.rows |> List.map _.Name
        around |> Options.without (replayed @ [ nameof s.Plan.TotalSteps; nameof s.Exploration ])

    let internal plan: OptionRow<SoftOptions> list =
        Options.group _.Plan (fun v (c: SoftOptions) -> { c with Plan = v }) RecordedOptions.planRows

    let internal replayed: OptionRow<SoftOptions> list =
        Options.group _.OffPolicy (fun v (c: SoftOptions) -> { c with OffPolicy = v }) RecordedOptions.replayedRows

    /// A row an option, in the order of files.
    let rows: OptionRow<CqlOptions> list =
        let d = defaults
        let soft rows = Options.group (fun (c: CqlOptions) -> c.Soft) (fun v c -> { c with Soft = v }) rows

        [
            yield! soft plan
            yield! soft replayed
            yield! Options.group _.Recorded (fun v (c: CqlOptions) -> { c with Recorded = v }) RecordedOptions.rows
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof d.ConservativeWeight) Range.notNegative _.ConservativeWeight (fun v c ->
                { c with ConservativeWeight = v })
            Options.whole (nameof d.ConservativeActions) (Range.within 1.0 100.0) _.ConservativeActions (fun v c ->
                { c with ConservativeActions = v })
            Options.number (nameof d.TargetGap) Range.finite _.TargetGap (fun v c -> { c with TargetGap = v })
            Options.choice
                [ "sample", CqlBackup.Sample; "soft", CqlBackup.Soft; "maximum", CqlBackup.Maximum ]
                (nameof d.Backup)
                _.Backup
                (fun v c -> { c with Backup = v })
            Options.flag (nameof d.Calibrated) _.Calibrated (fun v c -> { c with Calibrated = v })
            yield! soft own
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: CqlOptions) =
        NetworkOptions.validate rows defaults options
        SoftOptions.validate options.Soft

    /// The options as named texts.
    let toPairs (options: CqlOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CqlOptions = Options.ofPairs rows pairs defaults
