/// Options that all algorithms which learn from replayed steps have.
namespace Rl.Core.Algorithms

open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// When an off-policy algorithm acts at random, remembers and learns.
type OffPolicyOptions =
    {
        /// Environment steps, over all copies, with actions drawn uniformly; learning starts after them.
        LearningStarts: int
        /// Steps of each copy between updates.
        TrainFrequency: int
        /// Updates after these steps; −k: k for each step that was taken, over all copies.
        GradientSteps: int
        /// Transitions that an update learns from, drawn from the memory.
        BatchSize: int
        /// Transitions that are remembered; the oldest are forgotten first.
        BufferSize: int
        /// The discount γ.
        Discount: float
        /// n: rewards of so many steps, fewer where an episode ends, come before the value of the state after them.
        ReturnSteps: int
        /// λ: the returns of 1, 2, … up to n steps are mixed, that of k with the weight (1 − λ) λ^(k−1) and the longest
        /// with what is left (Peng and Williams 1996); 1 for the longest alone.
        ReturnLambda: float
        /// α: a transition is drawn with a probability proportional to |δ|^α of its error δ (prioritised replay); 0
        /// draws all alike.
        PriorityExponent: float
        /// β, the part of the bias of drawing by priority that weights undo: all of it at 1.
        ImportanceExponent: RateSchedule
        /// Drawn transitions that are told again with a goal that was reached later for each that is not (hindsight
        /// replay), in environments with goals; 0 for none.
        HindsightGoals: int
        /// Which step of its episode gives such a transition its goal: one from its own on, the last, or any.
        HindsightChoice: GoalChoice
        /// Environment steps, over all copies, between reports, rounded up to a multiple of those between updates. They
        /// change nothing that is learned.
        RoundSteps: int
    }

/// Defaults, rows and checks.
[<RequireQualifiedAccess>]
module OffPolicyOptions =
    let private o = Unchecked.defaultof<OffPolicyOptions>

    /// An update of 128 transitions after each step, of a memory of 100,000.
    let defaults: OffPolicyOptions =
        {
            LearningStarts = 1_000
            TrainFrequency = 1
            GradientSteps = 1
            BatchSize = 128
            BufferSize = 100_000
            Discount = 0.99
            ReturnSteps = 1
            ReturnLambda = 1.0
            PriorityExponent = 0.0
            ImportanceExponent = RateSchedule.linear 0.4 1.0
            HindsightGoals = 0
            HindsightChoice = GoalChoice.Future
            RoundSteps = 1_000
        }

    let private choices = [ "future", GoalChoice.Future; "final", GoalChoice.Final; "episode", GoalChoice.Episode ]

    // Older files have where β starts; it rises to 1.
    let private correction: string * (string -> OffPolicyOptions -> OffPolicyOptions) =
        let name = "PriorityCorrection"

        let read text c = { c with ImportanceExponent = RateSchedule.linear (Settings.toFloat name text) 1.0 }
        name, read

    /// A row an option, in the order of files.
    let rows: OptionRow<OffPolicyOptions> list =
        [
            Options.whole (nameof o.LearningStarts) (Range.atLeast 0.0) _.LearningStarts (fun v c ->
                { c with LearningStarts = v })
            Options.whole (nameof o.TrainFrequency) (Range.atLeast 1.0) _.TrainFrequency (fun v c ->
                { c with TrainFrequency = v })
            Options.whole (nameof o.GradientSteps) (Range.atLeast -1000.0) _.GradientSteps (fun v c ->
                { c with GradientSteps = v })
            Options.whole (nameof o.BatchSize) (Range.atLeast 1.0) _.BatchSize (fun v c -> { c with BatchSize = v })
            Options.whole (nameof o.BufferSize) (Range.atLeast 1.0) _.BufferSize (fun v c -> { c with BufferSize = v })
            Options.number (nameof o.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.whole (nameof o.ReturnSteps) (Range.atLeast 1.0) _.ReturnSteps (fun v c ->
                { c with ReturnSteps = v })
            Options.number (nameof o.ReturnLambda) Range.fraction _.ReturnLambda (fun v c ->
                { c with ReturnLambda = v })
            Options.number (nameof o.PriorityExponent) Range.fraction _.PriorityExponent (fun v c ->
                { c with PriorityExponent = v })
            Options.schedule (nameof o.ImportanceExponent) Range.fraction _.ImportanceExponent (fun v c ->
                { c with ImportanceExponent = v })
            Options.whole (nameof o.HindsightGoals) (Range.atLeast 0.0) _.HindsightGoals (fun v c ->
                { c with HindsightGoals = v })
            Options.choice choices (nameof o.HindsightChoice) _.HindsightChoice (fun v c ->
                { c with HindsightChoice = v })
            Options.whole (nameof o.RoundSteps) (Range.atLeast 1.0) _.RoundSteps (fun v c -> { c with RoundSteps = v })
        ]
        |> Options.former (nameof o.ImportanceExponent) [ correction ]

    /// How many states' values a return counts: n, or 1 where only the longest return counts.
    let internal states (options: OffPolicyOptions) : int =
        if options.ReturnLambda < 1.0 then options.ReturnSteps else 1

    /// Rows of an algorithm that learns from the longest return alone.
    let internal withoutLambda (rows: OptionRow<'C> list) : OptionRow<'C> list =
        Options.without [ nameof o.ReturnLambda ] rows

    /// Options, as texts, with which an update takes little time.
    let internal small =
        [
            "LearningStarts", "32"
            "TrainFrequency", "4"
            "BatchSize", "16"
            "BufferSize", "400"
            "RoundSteps", "60"
            "Hidden", "16"
        ]

    /// Fails for options that do not go together.
    let validate (options: OffPolicyOptions) : unit =
        if options.BatchSize > options.BufferSize then
            Guard.fail
                (nameof options.BatchSize)
                ($"BatchSize is {options.BatchSize}; it must be at most BufferSize, {options.BufferSize}: use a "
                 + "smaller batch or a larger buffer.")

        if options.ReturnLambda < 1.0 && options.ReturnSteps = 1 then
            Guard.fail
                (nameof options.ReturnLambda)
                ($"ReturnLambda is {options.ReturnLambda}; it mixes returns of several steps, and ReturnSteps is 1: "
                 + "raise that, or leave ReturnLambda at 1.")

        if options.GradientSteps = 0 then
            Guard.fail
                (nameof options.GradientSteps)
                "GradientSteps is 0; it must be at least 1, or -1 for one a step, -2 for two."
