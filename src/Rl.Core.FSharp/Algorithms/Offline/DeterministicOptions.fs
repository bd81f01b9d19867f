/// Options of offline algorithms that learn as TD3 does: TD3+BC and ReBRAC.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Rows and defaults of TD3's options where steps are recorded.
[<RequireQualifiedAccess>]
module internal DeterministicOptions =
    let private o = Unchecked.defaultof<OffPolicyOptions>
    let private n = Unchecked.defaultof<NoiseOptions>
    let private t = Unchecked.defaultof<Td3Options>

    /// TD3's, with the layers, batches and normalised observations of the papers; without noise on actions.
    let defaults: Td3Options =
        { Td3Options.defaults with
            Plan = { TotalSteps = 50_000L }
            OffPolicy = RecordedOptions.replayed
            Network =
                { NetworkOptions.defaults [ 256; 256 ] with
                    Activation = Activation.Relu
                    NormaliseObservations = true
                }
            Rate = { LearningRate = RateSchedule.Constant 3e-4 }
            CriticLearningRate = RateSchedule.Constant 3e-4
        }

    /// TD3's but how it replays, and whose noise is normal.
    let private own: OptionRow<Td3Options> list =
        let replayed = OffPolicyOptions.rows |> List.map _.Name

        let exploration = NoiseOptions.rows |> List.map _.Name |> List.filter ((<>) (nameof n.ExplorationDeviation))

        Td3Options.rows
        |> Options.without (replayed @ exploration @ [ nameof t.Plan.TotalSteps ])
        |> Options.meaning
            (nameof n.ExplorationDeviation)
            "The standard deviation of the noise on actions in the environment, after OfflineSteps."

    let private plan: OptionRow<Td3Options> list =
        Options.group _.Plan (fun v (c: Td3Options) -> { c with Plan = v }) RecordedOptions.planRows

    let private replayed: OptionRow<Td3Options> list =
        Options.group _.OffPolicy (fun v (c: Td3Options) -> { c with OffPolicy = v }) RecordedOptions.replayedRows

    /// A row an option, in the order of files, of options that have TD3's as a field.
    let rows
        (get: 'C -> Td3Options)
        (set: Td3Options -> 'C -> 'C)
        (getRecorded: 'C -> RecordedOptions)
        setRecorded
        (further: OptionRow<'C> list)
        =
        let td3 rows = Options.group get set rows

        [
            yield! td3 plan
            yield! td3 replayed
            yield! Options.group getRecorded setRecorded RecordedOptions.rows
            yield! further
            yield! td3 own
        ]
