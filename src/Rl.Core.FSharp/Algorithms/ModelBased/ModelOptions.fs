/// Options that all algorithms which learn a model of the world have.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What the members of an ensemble predict.
[<RequireQualifiedAccess>]
type ModelKind =
    /// Means and variances (Chua et al. 2018: probabilistic networks).
    | Gaussian
    /// Means alone.
    | Deterministic

/// Where rewards and terminations of imagined steps come from.
[<RequireQualifiedAccess>]
type ImaginedRewards =
    /// From what the library knows of the environment (`KnownTasks`), else from the model.
    | Automatic
    /// From the model, whatever is known.
    | Learnt

/// What a model is and how it is fitted.
type ModelOptions =
    {
        /// The members of the ensemble.
        Members: int
        /// Members with the least error on data held out, which alone imagine.
        Elites: int
        /// What members predict: means and variances, or means alone.
        Model: ModelKind
        /// Widths of the hidden layers of each member.
        ModelHidden: int list
        /// What stands after each hidden layer of the model.
        ModelActivation: Activation
        /// Learn the bounds of the logarithm of variances.
        LearnVarianceBounds: bool
        /// Let each member learn from rows drawn with replacement; else from all rows, in an order of its own.
        Bootstrap: bool
        /// Give targets mean 0 and variance 1 as inputs have.
        NormaliseTargets: bool
        /// Where imagined rewards and terminations come from: from functions that the library knows of some
        /// environments, else from the model; or always from the model.
        ImaginedRewards: ImaginedRewards
        /// Environment steps, over all copies, from fit to fit.
        ModelInterval: int
        /// Rows of one of a member's gradient steps.
        ModelBatchSize: int
        /// Adam's step size for the model.
        ModelLearningRate: float
        /// λ: λ times the weights is added to the model's gradient.
        ModelWeightDecay: float
        /// The share of the data that is held out to tell when to stop and which members are the elites; with 0 all
        /// rows are learnt from and measured on.
        HeldOutShare: float
        /// Passes over the data without a member that gets better by a hundredth, after which a fit ends.
        ModelPatience: int
        /// The most passes over the data of a fit.
        ModelEpochs: int
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module ModelOptions =
    let private o = Unchecked.defaultof<ModelOptions>

    /// Those of small tasks: five members of two layers of 64; MBPO's paper has seven of four layers of 200.
    let defaults: ModelOptions =
        {
            Members = 5
            Elites = 3
            Model = ModelKind.Gaussian
            ModelHidden = [ 64; 64 ]
            ModelActivation = Activation.Silu
            LearnVarianceBounds = true
            Bootstrap = true
            NormaliseTargets = true
            ImaginedRewards = ImaginedRewards.Automatic
            ModelInterval = 250
            ModelBatchSize = 128
            ModelLearningRate = 1e-3
            ModelWeightDecay = 1e-5
            HeldOutShare = 0.2
            ModelPatience = 5
            ModelEpochs = 100
        }

    let private kinds = [ "gaussian", ModelKind.Gaussian; "deterministic", ModelKind.Deterministic ]
    let private rewards = [ "auto", ImaginedRewards.Automatic; "learnt", ImaginedRewards.Learnt ]

    /// A row an option, in the order of files.
    let rows: OptionRow<ModelOptions> list =
        [
            Options.whole (nameof o.Members) (Range.within 1.0 100.0) _.Members (fun v c -> { c with Members = v })
            Options.whole (nameof o.Elites) (Range.within 1.0 100.0) _.Elites (fun v c -> { c with Elites = v })
            Options.choice kinds (nameof o.Model) _.Model (fun v c -> { c with Model = v })
            Options.widths (nameof o.ModelHidden) _.ModelHidden (fun v c -> { c with ModelHidden = v })
            Options.activation (nameof o.ModelActivation) _.ModelActivation (fun v c -> { c with ModelActivation = v })
            Options.flag (nameof o.LearnVarianceBounds) _.LearnVarianceBounds (fun v c ->
                { c with LearnVarianceBounds = v })
            Options.flag (nameof o.Bootstrap) _.Bootstrap (fun v c -> { c with Bootstrap = v })
            Options.flag (nameof o.NormaliseTargets) _.NormaliseTargets (fun v c -> { c with NormaliseTargets = v })
            Options.choice rewards (nameof o.ImaginedRewards) _.ImaginedRewards (fun v c ->
                { c with ImaginedRewards = v })
            Options.whole (nameof o.ModelInterval) (Range.atLeast 1.0) _.ModelInterval (fun v c ->
                { c with ModelInterval = v })
            Options.whole (nameof o.ModelBatchSize) (Range.atLeast 1.0) _.ModelBatchSize (fun v c ->
                { c with ModelBatchSize = v })
            Options.number (nameof o.ModelLearningRate) Range.positive _.ModelLearningRate (fun v c ->
                { c with ModelLearningRate = v })
            Options.number (nameof o.ModelWeightDecay) Range.notNegative _.ModelWeightDecay (fun v c ->
                { c with ModelWeightDecay = v })
            Options.number (nameof o.HeldOutShare) (Range.within 0.0 0.9) _.HeldOutShare (fun v c ->
                { c with HeldOutShare = v })
            Options.whole (nameof o.ModelPatience) (Range.atLeast 1.0) _.ModelPatience (fun v c ->
                { c with ModelPatience = v })
            Options.whole (nameof o.ModelEpochs) (Range.atLeast 1.0) _.ModelEpochs (fun v c ->
                { c with ModelEpochs = v })
        ]

    /// Options, as texts, with which a fit takes little time.
    let internal small =
        [
            "Members", "2"
            "Elites", "2"
            "ModelHidden", "8"
            "ModelInterval", "30"
            "ModelBatchSize", "16"
            "ModelEpochs", "3"
        ]

    /// Fails for options that do not go together.
    let validate (options: ModelOptions) : unit =
        if options.Elites > options.Members then
            Guard.fail
                (nameof options.Elites)
                $"Elites is {options.Elites}; it must be at most Members, {options.Members}, of which they are chosen."

    /// The network of a model of so many observed numbers and numbers of an action, with what it is to learn.
    let network
        (options: ModelOptions)
        (observations: int)
        (actions: int)
        (learnsReward: bool)
        (learnsTermination: bool)
        =
        ModelNetwork.create
            options.ModelActivation
            options.Members
            (observations + actions)
            options.ModelHidden
            (if learnsReward then observations + 1 else observations)
            options.Model.IsGaussian
            options.LearnVarianceBounds
            learnsTermination
