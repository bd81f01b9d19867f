/// Adversarial imitation: the policy learns by PPO to do what a discriminator cannot tell from the expert's behaviour.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives

/// Options of generative adversarial imitation learning (Ho and Ermon 2016): PPO's, whose rewards a discriminator
/// gives.
type GailOptions =
    {
        Ppo: PpoOptions
        Discriminator: DiscriminatorOptions
        /// What the policy is paid of the probability D that it looks like the expert: −ln(1 − D), which makes every
        /// further step worth something; ln D, which makes it cost something; or the log-odds, of either sign.
        ImitationReward: DiscriminatorReward
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module GailOptions =

    /// PPO's defaults with rewards normalised, since a discriminator's have no scale of their own.
    let defaults =
        {
            Ppo =
                { PpoOptions.defaults with
                    Rollout = { PpoOptions.defaults.Rollout with NormaliseRewards = true }
                    Network = { PpoOptions.defaults.Network with NormaliseObservations = true }
                }
            Discriminator = DiscriminatorOptions.defaults
            ImitationReward = DiscriminatorReward.Surviving
        }

    let private rewards =
        [
            "surviving", DiscriminatorReward.Surviving
            "ending", DiscriminatorReward.Ending
            "logOdds", DiscriminatorReward.LogOdds
        ]

    /// A row an option, in the order of files.
    let rows: OptionRow<GailOptions> list =
        let d = defaults

        [
            yield! Options.group _.Ppo (fun v (c: GailOptions) -> { c with Ppo = v }) PpoOptions.rows
            yield!
                Options.group
                    _.Discriminator
                    (fun v (c: GailOptions) -> { c with Discriminator = v })
                    DiscriminatorOptions.rows
            Options.choice rewards (nameof d.ImitationReward) _.ImitationReward (fun v c ->
                { c with ImitationReward = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: GailOptions) =
        NetworkOptions.validate rows defaults options
        PpoOptions.validate options.Ppo

    /// The options as named texts.
    let toPairs (options: GailOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : GailOptions = Options.ofPairs rows pairs defaults

/// Generative adversarial imitation learning (Ho and Ermon 2016).
[<RequireQualifiedAccess>]
module Gail =

    /// Binds options to environments; `LearnerData.Give` gives it the expert's episodes. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: GailOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        GailOptions.validate options
        let ppo = options.Ppo
        let objective = Ppo.objectiveOf "gail" (GailOptions.toPairs options) ppo
        let form = DiscriminatorForm.Plain options.ImitationReward

        let judge network =
            Discriminator.judge
                "gail"
                form
                options.Discriminator
                ppo.Plan
                ppo.Rollout.RolloutSteps
                environment
                workers
                network
            |> Some

        Ppo.bindJudged judge objective ppo environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "gail"
                Name = "Generative adversarial imitation learning"
                Summary =
                    ("PPO paid for what a discriminator cannot tell from an expert's recorded behaviour (Ho and Ermon "
                     + "2016).")
                Source = "Ho, Ermon, \"Generative adversarial imitation learning\" (2016)"
                Family = AlgorithmFamily.Imitation
            }
            GailOptions.defaults
            GailOptions.rows
            [ "RolloutSteps", "32"; "MinibatchSize", "96"; "DiscriminatorSteps", "2"; "DiscriminatorHidden", "8" ]
            GailOptions.validate
            create
        |> AlgorithmEntry.withDemonstrations
        |> AlgorithmEntry.withParameters GailOptions.ofPairs (fun c -> Ppo.parameters c.Ppo)

/// Options of adversarial inverse reinforcement learning (Fu, Luo and Levine 2018): PPO's, whose rewards a
/// discriminator gives.
type AirlOptions = { Ppo: PpoOptions; Discriminator: DiscriminatorOptions }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module AirlOptions =

    /// GAIL's without the penalty: log-odds that contain ln π(a|s) must be free to fall far.
    let defaults: AirlOptions =
        {
            Ppo = GailOptions.defaults.Ppo
            Discriminator = { DiscriminatorOptions.defaults with GradientPenalty = 0.0 }
        }

    /// A row an option, in the order of files. A recurrent policy cannot say of a single step how likely it was.
    let rows: OptionRow<AirlOptions> list =
        let d = PpoOptions.defaults
        let recurrent = [ nameof d.Recurrence; nameof d.RecurrentUnits; nameof d.SequenceLength ]

        [
            yield!
                Options.group _.Ppo (fun v (c: AirlOptions) -> { c with Ppo = v }) PpoOptions.rows
                |> Options.without recurrent
            yield!
                Options.group
                    _.Discriminator
                    (fun v (c: AirlOptions) -> { c with Discriminator = v })
                    DiscriminatorOptions.rows
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: AirlOptions) =
        NetworkOptions.validate rows defaults options
        PpoOptions.validate options.Ppo

    /// The options as named texts.
    let toPairs (options: AirlOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : AirlOptions = Options.ofPairs rows pairs defaults

/// Adversarial inverse reinforcement learning (Fu, Luo and Levine 2018): the discriminator's log-odds are g + γ h(s′) −
/// h(s) − ln π(a|s), which the policy is paid, so that it is as random as it may be and g becomes the expert's reward
/// up to a constant where its inputs are states alone.
[<RequireQualifiedAccess>]
module Airl =

    /// Binds options to environments; `LearnerData.Give` gives it the expert's episodes. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: AirlOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        AirlOptions.validate options
        let ppo = options.Ppo
        let objective = Ppo.objectiveOf "airl" (AirlOptions.toPairs options) ppo
        let form = DiscriminatorForm.Shaped ppo.Rollout.Discount

        let judge network =
            Discriminator.judge
                "airl"
                form
                options.Discriminator
                ppo.Plan
                ppo.Rollout.RolloutSteps
                environment
                workers
                network
            |> Some

        Ppo.bindJudged judge objective ppo environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "airl"
                Name = "Adversarial inverse reinforcement learning"
                Summary =
                    ("As gail, with a discriminator made of a reward and a potential, so that the expert's reward is "
                     + "found up to shaping (Fu, Luo and Levine 2018).")
                Source =
                    ("Fu, Luo, Levine, \"Learning robust rewards with adversarial inverse reinforcement learning\" "
                     + "(2018)")
                Family = AlgorithmFamily.Imitation
            }
            AirlOptions.defaults
            AirlOptions.rows
            [ "RolloutSteps", "32"; "MinibatchSize", "96"; "DiscriminatorSteps", "2"; "DiscriminatorHidden", "8" ]
            AirlOptions.validate
            create
        |> AlgorithmEntry.withDemonstrations
        |> AlgorithmEntry.withParameters AirlOptions.ofPairs (fun c -> Ppo.parameters c.Ppo)
