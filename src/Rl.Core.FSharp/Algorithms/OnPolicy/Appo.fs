/// Asynchronous PPO: PPO's clipped steps on rollouts of older policies, whose advantages V-trace corrects.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of asynchronous proximal policy optimisation (Luo et al. 2020): PPO's, and how rollouts of older policies
/// are corrected.
type AppoOptions =
    {
        Ppo: PpoOptions
        Correction: VTraceOptions
        /// Updates after which the present policy becomes the target policy π, whose V-trace credits steps and around
        /// which ratios are clipped; 1: each update's is that which it starts from.
        TargetInterval: int
        /// The surrogate's ratio is min(μ / π, this) · π_θ / μ of the policy μ that acted, the target policy π and the
        /// one that learns: steps that π would hardly take move the policy less.
        LargestRatio: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module AppoOptions =

    /// PPO's with shorter rollouts and fewer passes, so that policies do not grow old, and a bound of 2 as RLlib has.
    let defaults =
        {
            Ppo =
                { PpoOptions.defaults with
                    Rollout = OnPolicyOptions.defaults 64 0.95
                    Epochs = 4
                    MinibatchSize = 128
                }
            Correction = VTraceOptions.defaults
            TargetInterval = 1
            LargestRatio = 2.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<AppoOptions> list =
        let d = defaults

        let correction rows =
            Options.group (fun (c: AppoOptions) -> c.Correction) (fun v c -> { c with Correction = v }) rows

        [
            yield!
                Options.group _.Ppo (fun v (c: AppoOptions) -> { c with Ppo = v }) PpoOptions.rows
                |> VTraceOptions.withTraces
            yield! correction VTraceOptions.rows
            Options.whole (nameof d.TargetInterval) (Range.atLeast 1.0) _.TargetInterval (fun v c ->
                { c with TargetInterval = v })
            Options.number (nameof d.LargestRatio) (Range.atLeast 1.0) _.LargestRatio (fun v c ->
                { c with LargestRatio = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: AppoOptions) =
        NetworkOptions.validate rows defaults options
        PpoOptions.validate options.Ppo

    /// The options as named texts.
    let toPairs (options: AppoOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : AppoOptions = Options.ofPairs rows pairs defaults

/// Asynchronous proximal policy optimisation: the clipped surrogate of min(μ / π, ρ) · π_θ / μ with a target policy π,
/// on V-trace's advantages (Luo, Yao, Liaw, Liang, Stoica, "IMPACT: importance weighted asynchronous architectures with
/// clipped target networks", 2020; RLlib's APPO). In a cluster workers act with what they have, and do not wait.
[<RequireQualifiedAccess>]
module Appo =

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: AppoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        AppoOptions.validate options
        let objective = Ppo.objectiveOf "appo" (AppoOptions.toPairs options) options.Ppo

        let correct = VTrace.correct options.Correction options.TargetInterval options.LargestRatio environment workers

        Ppo.bindCorrected correct objective options.Ppo environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "appo"
                Name = "Asynchronous PPO"
                Summary =
                    ("PPO's clipped steps on rollouts of older policies, whose advantages V-trace corrects (Luo et al. "
                     + "2020).")
                Source =
                    ("Luo, Yao, Liaw, Liang, Stoica, \"IMPACT: importance weighted asynchronous architectures with "
                     + "clipped target networks\" (2020)")
                Family = AlgorithmFamily.OnPolicy
            }
            AppoOptions.defaults
            AppoOptions.rows
            [ "RolloutSteps", "32"; "MinibatchSize", "48" ]
            AppoOptions.validate
            create
        |> AlgorithmEntry.withParameters AppoOptions.ofPairs (fun c -> Ppo.parameters c.Ppo)
