/// A number that is not finite in training: where it first appeared, and the batch that it appeared in.
namespace Rl.Core.Learning

open System
open Rl.Core.Autodiff

/// What is known of a step that made NaN or an infinity.
type FailureRecord =
    {
        /// For example "ppo".
        Algorithm: string
        /// The number of the transition that failed, from 1.
        Update: int64
        /// Which of the algorithm's train steps, such as "policy and value step".
        Step: string
        /// From 1; 0 where the algorithm has no epochs or does not tell.
        Epoch: int
        /// The step's number within the transition, from 1.
        Minibatch: int
        /// The first operation whose value is not finite while what it was applied to is, or the input that was not
        /// finite to begin with.
        Operation: string
        /// Numbers of an element-wise operation, shapes of another.
        Operands: string list
        /// The element of its value, one index an axis.
        Index: int[]
        /// NaN, ∞ or −∞.
        Value: float
        /// The sample's step within the rollout, from 0; −1 if the operation belongs to no single sample or the
        /// algorithm does not tell.
        RolloutStep: int
        /// The sample's copy of the environment, from 0; −1 as above.
        Copy: int
        /// The inputs of the failing step as they were before it, θ and the optimiser's variables among them: name,
        /// shape, values.
        Inputs: (string * int[] * float32[]) list
    }

    /// One sentence: the operation, its operands, and the update and sample.
    member this.Summary =
        let value = this.Value.ToString Globalization.CultureInfo.InvariantCulture
        let operands = String.Join(", ", this.Operands)

        let operation =
            if this.Operands.IsEmpty then
                $"{this.Operation} was {value}"
            else
                $"{this.Operation} of {operands} gave {value}"

        let element = if this.Index.Length = 0 then "" else $" at element {Shape.print this.Index}"
        let epoch = if this.Epoch > 0 then $", epoch {this.Epoch}" else ""

        let sample =
            if this.Copy < 0 then
                ""
            else
                $", sample of step {this.RolloutStep} of copy {this.Copy}"

        $"{operation}{element} (update {this.Update}{epoch}, minibatch {this.Minibatch} of the {this.Step}{sample})"

    /// Whether the other record tells of the same operation at the same place with the same inputs, bit for bit.
    member this.IsSameAs(other: FailureRecord) =
        let bits (value: float) = BitConverter.DoubleToInt64Bits value

        // All NaN are alike; records are compared without their numbers, then number by number.
        let place record = { record with Value = 0.0; Inputs = [] }

        place this = place other
        && (bits this.Value = bits other.Value || (Double.IsNaN this.Value && Double.IsNaN other.Value))
        && this.Inputs.Length = other.Inputs.Length
        && List.forall2
            (fun (name: string, shape: int[], values: float32[]) (otherName, otherShape, otherValues: float32[]) ->
                name = otherName && shape = otherShape && values.AsSpan().SequenceEqual(ReadOnlySpan otherValues))
            this.Inputs
            other.Inputs

/// Training stopped because a number was not finite. The state before the transition is the last good one.
type TrainingFailure(record: FailureRecord) =
    inherit
        Exception(
            ($"Training made a number that is not finite: {record.Summary}. A smaller learning rate, normalised "
             + "rewards or observations, or clipped gradients are the usual remedies.")
        )

    /// Where and with what it failed.
    member _.Record = record

/// Finding failures in train steps.
[<RequireQualifiedAccess>]
module internal TrainingFailure =

    /// Whether every element is finite.
    let isFinite (values: ReadOnlySpan<float32>) =
        let mutable place = 0

        while place < values.Length && Single.IsFinite values[place] do
            place <- place + 1

        place = values.Length

    /// The inputs of a program as they are: name, shape, values.
    let inputs (program: Program<float32>) : (string * int[] * float32[]) list =
        [ for name, shape in program.Inputs -> name, shape, program.Input(name).ToArray() ]

    /// The failure of a step with the given inputs, whose outputs or carried values were not finite; `sample` gives the
    /// step and copy of a row.
    let find
        (algorithm: string)
        (update: int64)
        (step: string)
        (epoch: int)
        (minibatch: int)
        (source: ProgramSource)
        (sampleAxis: string -> int voption)
        (sample: int -> struct (int * int))
        (inputs: (string * int[] * float32[]) list)
        : TrainingFailure =
        let values = inputs |> List.map (fun (name, _, values) -> name, values) |> Map.ofList

        let origin =
            match NonFinite.origin source sampleAxis (fun name -> values[name]) with
            | ValueSome origin -> origin
            | ValueNone ->
                {
                    Operation = "an operation that is finite when it is run alone"
                    Operands = []
                    Index = [||]
                    Value = nan
                    Sample = ValueNone
                }

        let struct (rolloutStep, copy) =
            match origin.Sample with
            | ValueSome row -> sample row
            | ValueNone -> struct (-1, -1)

        TrainingFailure
            {
                Algorithm = algorithm
                Update = update
                Step = step
                Epoch = epoch
                Minibatch = minibatch
                Operation = origin.Operation
                Operands = origin.Operands
                Index = origin.Index
                Value = origin.Value
                RolloutStep = rolloutStep
                Copy = copy
                Inputs = inputs
            }

    /// Refuses a transition to parameters that are not finite, where no step has told why already.
    let requireFinite (algorithm: string) (state: TrainingState) (next: TrainingState) =
        match next.Parameters |> Array.tryFindIndex (fun value -> not (Single.IsFinite value)) with
        | None -> ()
        | Some index ->
            raise (
                TrainingFailure
                    {
                        Algorithm = algorithm
                        Update = state.Updates + 1L
                        Step = "update"
                        Epoch = 0
                        Minibatch = 1
                        Operation = "theta"
                        Operands = []
                        Index = [| index |]
                        Value = float next.Parameters[index]
                        RolloutStep = -1
                        Copy = -1
                        Inputs = [ "theta", [| state.Parameters.Length |], state.Parameters ]
                    }
            )
