/// What losses of users have in common: ids and names that files and logs can hold, terms that can be learned from.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Learning

/// Checks of a loss by its id. What is wrong with it blames the argument "loss", and says what to change.
[<RequireQualifiedAccess>]
module internal OwnLoss =

    /// Characters of an id, or of the name of a term.
    [<Literal>]
    let private MostCharacters = 64

    /// Whether a name can stand in files, on command lines, in addresses and in the first line of a table.
    let private isPlain (text: string) =
        text.Length <= MostCharacters
        && Char.IsAsciiLetterOrDigit text[0]
        && text |> Seq.forall (fun c -> Char.IsAsciiLetterOrDigit c || c = '-' || c = '_' || c = '.')

    let private plain =
        $"letters and digits of ASCII, '-', '_' and '.', at most {MostCharacters} of them, a letter or digit first"

    /// Fails unless an id can be one.
    let requireId (id: string) : unit =
        if String.IsNullOrWhiteSpace id then
            Guard.fail "id" "A loss needs an id that is not blank; files name it."

        if not (isPlain id) then
            Guard.fail "id" $"The loss's id is \"{id}\"; it must be of {plain}, such as \"kl-penalised\"."

    let fail (id: string) (complaint: string) : 'T =
        Guard.fail "loss" $"The loss {id} cannot be learned from: {complaint}"

    let private inputsOf (expressions: Expr[]) =
        Graph.topological expressions
        |> Array.choose (fun node ->
            match node.Operation with
            | Input name -> Some struct (name, node)
            | _ -> None)

    /// Requires terms that are a number a sample, of nothing but what the loss was given, with names of their own and
    /// none of those in `reserved`.
    let check (id: string) (reserved: string list) (given: Expr[]) (shape: Shape) (terms: Term list) : unit =
        let known = HashSet<Expr>(inputsOf given |> Array.map (fun (struct (_, node)) -> node), HashIdentity.Reference)

        for term in terms do
            if String.IsNullOrWhiteSpace term.Name then
                fail id "a term has a name that is blank; progress shows terms by their names."

            if not (isPlain term.Name) then
                fail id $"a term is named \"{term.Name}\"; progress and logs need names of {plain}."

            if List.contains term.Name reserved then
                fail id $"a term is named {term.Name}, which every update reports; choose another name."

            if terms |> List.exists (fun other -> other.Name = term.Name && not (obj.ReferenceEquals(other, term))) then
                fail id $"two terms are named {term.Name}; give each its own name."

            if not (term.Kind.IsMean || term.Kind.IsReported) then
                fail id $"the term {term.Name} is neither a mean (Term.mean) nor a report (Term.report)."

            if not (Double.IsFinite term.Weight) then
                fail id $"the weight of the term {term.Name} is {term.Weight}; it must be finite."

            if term.PerSample.Shape <> shape then
                fail
                    id
                    ($"the term {term.Name} has shape {Shape.print term.PerSample.Shape} for {shape[0]} samples; it "
                     + $"must be a number a sample, {Shape.print shape}. The engine takes the mean over samples: leave "
                     + "Mean and Sum over them out.")

            for struct (name, node) in inputsOf [| term.PerSample |] do
                if not (known.Contains node) then
                    fail
                        id
                        ($"the term {term.Name} reads the input {name}{Shape.print node.Shape}, which nothing sets, or "
                         + "samples of another call; use the samples that the loss is given.")

    /// The terms that are minimised. Each must depend on one of what learns, in words `learning`.
    let minimised (id: string) (learns: Expr list) (learning: string) (terms: Term list) =
        let order = Graph.topological (terms |> List.map _.PerSample |> List.toArray)
        let minimised = terms |> List.filter (fun term -> not (Term.isReport term) && term.Weight <> 0.0)

        let moves (targets: Expr list) (term: Term) =
            (Graph.flowingTo (List.toArray targets) order).Contains term.PerSample

        for term in minimised do
            if not (moves learns term) then
                fail
                    id
                    ($"the term {term.Name} depends on no parameter, so that it moves nothing: it is made of data (or "
                     + $"StopGradient) alone. Make it a report, or use {learning}.")

        struct (minimised, moves)

    /// Requires the same names each time that it is asked.
    let steady (id: string) : string list -> unit =
        let first = ref []

        fun names ->
            if first.Value.IsEmpty then first.Value <- names

            if names <> first.Value then
                let text (names: string list) = String.Join(", ", names)

                fail
                    id
                    ($"its terms are {text names} and were {text first.Value} before; it must give the same terms each "
                     + "time.")
