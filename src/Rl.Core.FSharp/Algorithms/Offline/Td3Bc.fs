/// TD3 with behaviour cloning: the deterministic actor follows the first critic and the data's actions, each as much.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives

/// Options of TD3 with behaviour cloning (Fujimoto and Gu 2021).
type Td3BcOptions =
    {
        Td3: Td3Options
        Recorded: RecordedOptions
        /// α: values count, beside the squared distance from the data's actions, α times as much as the mean of their
        /// size. Less clones more.
        ValueWeight: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module Td3BcOptions =

    /// The paper's.
    let defaults: Td3BcOptions =
        { Td3 = DeterministicOptions.defaults; Recorded = RecordedOptions.defaults; ValueWeight = 2.5 }

    /// A row an option, in the order of files.
    let rows: OptionRow<Td3BcOptions> list =
        [
            Options.number (nameof defaults.ValueWeight) Range.notNegative _.ValueWeight (fun v c ->
                { c with ValueWeight = v })
        ]
        |> DeterministicOptions.rows _.Td3 (fun v c -> { c with Td3 = v }) _.Recorded (fun v c ->
            { c with Recorded = v })

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: Td3BcOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: Td3BcOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : Td3BcOptions = Options.ofPairs rows pairs defaults

/// TD3 with behaviour cloning (Fujimoto and Gu, "A minimalist approach to offline reinforcement learning", 2021).
[<RequireQualifiedAccess>]
module Td3Bc =

    /// −λ q₁(s, π(s)) + (1/n) Σ (π(s) − a)² with λ = α / mean |q₁|.
    let private variation (c: Td3BcOptions) (columns: TransitionColumns) : Td3Variation =
        { Td3Variation.none with
            Bind = fun _ _ -> OfflineLearning.learnerOf c.Recorded OfflineLearning.noExtras
            ActorIsWhole = true
            ActorLoss =
                fun batch action value ->
                    let scale = Offline.valueScale c.ValueWeight 1e-6 value
                    Offline.clonedActorLoss scale value action batch[columns.Actions]
        }

    /// Binds options to environments, or to recorded data alone, whose actions must be numbers within finite bounds.
    /// `workers` share the work; the results do not depend on their number.
    let create (options: Td3BcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        Td3BcOptions.validate options
        let variation = variation options (TransitionColumns.ofEnvironment environment)
        Td3.bindWith variation "td3-bc" (Td3BcOptions.toPairs options) options.Td3 environment workers

    let private parameters (c: Td3BcOptions) (observations: Space) (actions: Space) : int =
        Td3.parameters "td3-bc" c.Td3 observations actions

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "td3-bc"
                Name = "TD3 with behaviour cloning"
                Summary =
                    ("From recorded steps: TD3 whose actor is drawn to the data's actions, with values scaled to "
                     + "their size (Fujimoto and Gu 2021).")
                Source = "Fujimoto and Gu, \"A minimalist approach to offline reinforcement learning\" (2021)"
                Family = AlgorithmFamily.Offline
            }
            Td3BcOptions.defaults
            Td3BcOptions.rows
            RecordedOptions.small
            Td3BcOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters Td3BcOptions.ofPairs parameters
        |> AlgorithmEntry.withData
