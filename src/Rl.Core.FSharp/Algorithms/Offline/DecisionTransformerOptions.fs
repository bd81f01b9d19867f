/// Options of the decision transformer.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of the decision transformer (Chen et al. 2021).
type DecisionTransformerOptions =
    {
        Plan: PlanOptions
        Replayed: OffPolicyOptions
        Rate: RateOptions
        /// λ of AdamW: parameters decay by α λ times themselves at each step.
        WeightDecay: float
        /// Gradients of a larger Euclidean norm are shortened to it; 0: never.
        MaxGradientNorm: float
        /// The return that acting asks for, as a quantile of those of the data's episodes; 1 for the best.
        TargetQuantile: float
        /// K, the steps that a decision looks back upon, the present one included.
        Context: int
        /// The numbers of a token.
        Width: int
        /// The parallel parts of attention; divides Width.
        Heads: int
        /// The blocks of attention and a perceptron, one after the other.
        Blocks: int
        /// What stands in the perceptrons of blocks.
        Activation: Activation
        /// The share of numbers that dropout drops in training.
        Dropout: float
        /// How the network knows when a step was: each token by its own step, or all by the last step and each
        /// step's place by a vector of its own, as for Atari.
        Positions: StepPositions
        /// What stands after the embeddings of returns, observations and actions: a layer normalisation, or tanh, as
        /// for Atari.
        Embedding: TokenEmbedding
        /// Steps of an episode that have an embedding of their own; later ones have that of the last.
        LongestEpisode: int
        /// Give the network observations of mean 0 and variance 1 over the data, clipped to ± 10.
        NormaliseObservations: bool
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DecisionTransformerOptions =

    /// The paper's for locomotion: three blocks of 128 numbers with one head, 20 steps, dropout of 0.1, decay of 1e-4,
    /// gradients of norm 0.25, and a rate of 1e-4 that rises over the first tenth.
    let defaults: DecisionTransformerOptions =
        {
            Plan = { TotalSteps = 50_000L }
            Replayed = { RecordedOptions.replayed with BatchSize = 64 }
            Rate = { LearningRate = RateSchedule.WarmUp(0.1, RateSchedule.Constant 1e-4) }
            WeightDecay = 1e-4
            MaxGradientNorm = 0.25
            TargetQuantile = 1.0
            Context = 20
            Width = 128
            Heads = 1
            Blocks = 3
            Activation = Activation.Relu
            Dropout = 0.1
            Positions = StepPositions.OwnStep
            Embedding = TokenEmbedding.Normalised
            LongestEpisode = 1000
            NormaliseObservations = true
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<DecisionTransformerOptions> list =
        let d = defaults

        [
            yield!
                Options.group
                    _.Plan
                    (fun v (c: DecisionTransformerOptions) -> { c with Plan = v })
                    RecordedOptions.planRows
            yield!
                RecordedOptions.replayedRows
                |> Options.without [ nameof d.Replayed.Discount ]
                |> Options.meaning
                    (nameof d.Replayed.BatchSize)
                    "Windows of Context steps that an update learns from, drawn from the data."
                |> Options.group _.Replayed (fun v (c: DecisionTransformerOptions) -> { c with Replayed = v })
            yield!
                RateOptions.rows
                |> Options.meaning (nameof d.Rate.LearningRate) "AdamW's step size α."
                |> Options.group _.Rate (fun v (c: DecisionTransformerOptions) -> { c with Rate = v })
            Options.number (nameof d.WeightDecay) Range.notNegative _.WeightDecay (fun v c ->
                { c with WeightDecay = v })
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            Options.number (nameof d.TargetQuantile) Range.fraction _.TargetQuantile (fun v c ->
                { c with TargetQuantile = v })
            Options.whole (nameof d.Context) (Range.within 2.0 10_000.0) _.Context (fun v c -> { c with Context = v })
            Options.whole (nameof d.Width) Range.widths _.Width (fun v c -> { c with Width = v })
            Options.whole (nameof d.Heads) Range.widths _.Heads (fun v c -> { c with Heads = v })
            Options.whole
                (nameof d.Blocks)
                (Range.within 1.0 (float EpisodeTransformer.DeepestTransformer))
                _.Blocks
                (fun v c -> { c with Blocks = v })
            Options.activation (nameof d.Activation) _.Activation (fun v c -> { c with Activation = v })
            Options.number (nameof d.Dropout) Range.belowOne _.Dropout (fun v c -> { c with Dropout = v })
            Options.choice
                [ "ownStep", StepPositions.OwnStep; "lastStep", StepPositions.LastStep ]
                (nameof d.Positions)
                _.Positions
                (fun v c -> { c with Positions = v })
            Options.choice
                [ "normalised", TokenEmbedding.Normalised; "saturated", TokenEmbedding.Saturated ]
                (nameof d.Embedding)
                _.Embedding
                (fun v c -> { c with Embedding = v })
            Options.whole (nameof d.LongestEpisode) Range.widths _.LongestEpisode (fun v c ->
                { c with LongestEpisode = v })
            Options.flag (nameof d.NormaliseObservations) _.NormaliseObservations (fun v c ->
                { c with NormaliseObservations = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DecisionTransformerOptions) =
        Options.validate rows options

        if options.Width % options.Heads <> 0 then
            Guard.fail
                (nameof options.Heads)
                ($"Heads is {options.Heads} and Width {options.Width}; the heads share the numbers of a token, so "
                 + "Heads must divide Width.")

    /// The options as named texts.
    let toPairs (options: DecisionTransformerOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DecisionTransformerOptions = Options.ofPairs rows pairs defaults

    /// Options, as texts, with which an update takes little time.
    let internal small =
        [
            "BatchSize", "8"
            "RoundSteps", "12"
            "Context", "4"
            "Width", "8"
            "Blocks", "1"
            "LongestEpisode", "50"
            "LearningRate", "1e-3"
        ]
