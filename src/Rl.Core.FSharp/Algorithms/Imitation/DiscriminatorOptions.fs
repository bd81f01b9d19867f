/// The options of discriminators, which tell the expert's behaviour from the policy's.
namespace Rl.Core.Algorithms

open Rl.Core.Learning
open Rl.Core.Networks

/// What a discriminator sees of a step.
[<RequireQualifiedAccess>]
type DiscriminatorInputs =
    /// s and a.
    | StateAction
    /// s alone: what is earned there does not depend on what is done.
    | State
    /// s and s′: recordings need no actions (Torabi, Warnell and Stone 2019).
    | Transition

/// How a discriminator is made and learns.
type DiscriminatorOptions =
    {
        /// What the discriminator sees of a step: the state and the action, the state alone, or the state and the next
        /// one.
        DiscriminatorInputs: DiscriminatorInputs
        /// Widths of the discriminator's hidden layers.
        DiscriminatorHidden: int list
        /// The discriminator's gradient steps on each rollout, before the policy's.
        DiscriminatorSteps: int
        /// Steps of the expert, and as many of the policy, in each of them.
        DiscriminatorBatchSize: int
        /// Adam's step size for the discriminator.
        DiscriminatorLearningRate: RateSchedule
        /// The weight of (‖∂l/∂x‖ − 1)² at inputs between the expert's and the policy's, which keeps the
        /// discriminator's log-odds l from jumping (Gulrajani et al. 2017); 0 for none.
        GradientPenalty: float
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module DiscriminatorOptions =
    let private o = Unchecked.defaultof<DiscriminatorOptions>

    /// A penalised discriminator of the size of small policies.
    let defaults: DiscriminatorOptions =
        {
            DiscriminatorInputs = DiscriminatorInputs.StateAction
            DiscriminatorHidden = [ 64; 64 ]
            DiscriminatorSteps = 10
            DiscriminatorBatchSize = 128
            DiscriminatorLearningRate = RateSchedule.Constant 3e-4
            GradientPenalty = 1.0
        }

    let private inputs =
        [
            "stateAction", DiscriminatorInputs.StateAction
            "state", DiscriminatorInputs.State
            "transition", DiscriminatorInputs.Transition
        ]

    /// A row an option, in the order of files.
    let rows: OptionRow<DiscriminatorOptions> list =
        [
            Options.choice inputs (nameof o.DiscriminatorInputs) _.DiscriminatorInputs (fun v c ->
                { c with DiscriminatorInputs = v })
            Options.widths (nameof o.DiscriminatorHidden) _.DiscriminatorHidden (fun v c ->
                { c with DiscriminatorHidden = v })
            Options.whole (nameof o.DiscriminatorSteps) (Range.atLeast 1.0) _.DiscriminatorSteps (fun v c ->
                { c with DiscriminatorSteps = v })
            Options.whole (nameof o.DiscriminatorBatchSize) (Range.atLeast 1.0) _.DiscriminatorBatchSize (fun v c ->
                { c with DiscriminatorBatchSize = v })
            Options.rate (nameof o.DiscriminatorLearningRate) _.DiscriminatorLearningRate (fun v c ->
                { c with DiscriminatorLearningRate = v })
            Options.number (nameof o.GradientPenalty) Range.notNegative _.GradientPenalty (fun v c ->
                { c with GradientPenalty = v })
        ]
