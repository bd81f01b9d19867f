/// Recurrent cells, unrolled over time: tanh RNN, GRU and LSTM.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The cell's equations, with PyTorch's order of gates. σ is the sigmoid, ∘ the element-wise product.
[<RequireQualifiedAccess>]
type RecurrentCell =
    /// h′ = tanh(x Wᵢ + bᵢ + h Wₕ + bₕ) (Elman 1990).
    | Tanh
    /// Gates r, z, n: h′ = (1 − z) ∘ n + z ∘ h with r, z = σ(x Wᵢ + bᵢ + h Wₕ + bₕ) and n = tanh(x Wᵢ + bᵢ + r ∘ (h Wₕ
    /// + bₕ)) (Cho et al. 2014).
    | Gru
    /// Gates i, f, g, o: c′ = σ(f) ∘ c + σ(i) ∘ tanh(g), h′ = σ(o) ∘ tanh(c′), all four gates from x Wᵢ + bᵢ + h Wₕ +
    /// bₕ (Hochreiter and Schmidhuber 1997; Gers et al. 2000).
    | Lstm

/// A recurrent layer. Its state is one array [batch, StateSize]: h, and for an LSTM h and c side by side.
type Recurrent =
    {
        Cell: RecurrentCell
        Inputs: int
        Hidden: int
        /// The start of Wᵢ [inputs, gates · hidden] and Wₕ [hidden, gates · hidden].
        Weight: Initialiser
        /// The start of bᵢ and bₕ [gates · hidden].
        Bias: Initialiser
    }

    /// The number of gates: 1, 3 or 4.
    member this.Gates =
        match this.Cell with
        | RecurrentCell.Tanh -> 1
        | RecurrentCell.Gru -> 3
        | RecurrentCell.Lstm -> 4

    /// The length of the state of one row.
    member this.StateSize =
        match this.Cell with
        | RecurrentCell.Lstm -> 2 * this.Hidden
        | _ -> this.Hidden

/// The layer's blocks are "inputWeight", "hiddenWeight", "inputBias" and "hiddenBias".
[<RequireQualifiedAccess>]
module Recurrent =

    /// Orthogonal weights of gain 1 and biases of 0, usual in recurrent policies.
    let create (cell: RecurrentCell) (inputs: int) (hidden: int) =
        {
            Cell = cell
            Inputs = inputs
            Hidden = hidden
            Weight = Initialiser.Orthogonal 1.0
            Bias = Initialiser.Constant 0.0
        }

    /// PyTorch's default start: everything uniform in ±1/√hidden.
    let torch (cell: RecurrentCell) (inputs: int) (hidden: int) =
        {
            Cell = cell
            Inputs = inputs
            Hidden = hidden
            Weight = Initialiser.TorchLinear hidden
            Bias = Initialiser.TorchLinear hidden
        }

    /// The layer's parameters.
    let layout (layer: Recurrent) =
        Guard.positive (nameof layer.Inputs) layer.Inputs
        Guard.positive (nameof layer.Hidden) layer.Hidden
        let width = layer.Gates * layer.Hidden

        Layout.empty
        |> Layout.add "inputWeight" [| layer.Inputs; width |] layer.Weight
        |> Layout.add "hiddenWeight" [| layer.Hidden; width |] layer.Weight
        |> Layout.add "inputBias" [| width |] layer.Bias
        |> Layout.add "hiddenBias" [| width |] layer.Bias

    /// The state at the start of an episode: zeros [batch, StateSize].
    let initialState (layer: Recurrent) (batch: int) = Expr.zeros [| batch; layer.StateSize |]

    /// One step: x Wᵢ + bᵢ and the state to the new state, given Wₕ and bₕ.
    let private advance (layer: Recurrent) (hiddenWeight: Expr) (hiddenBias: Expr) (fromInput: Expr) (state: Expr) =
        let n = layer.Hidden
        let gate index (x: Expr) = Expr.slice -1 (index * n) ((index + 1) * n) x
        let hidden = gate 0 state
        let fromHidden = Expr.matmul hidden hiddenWeight + hiddenBias

        match layer.Cell with
        | RecurrentCell.Tanh -> Expr.tanh (fromInput + fromHidden)
        | RecurrentCell.Gru ->
            let both = Expr.sigmoid (Expr.slice -1 0 (2 * n) fromInput + Expr.slice -1 0 (2 * n) fromHidden)
            let reset, update = gate 0 both, gate 1 both
            let candidate = Expr.tanh (gate 2 fromInput + reset * gate 2 fromHidden)
            candidate + update * (hidden - candidate)
        | RecurrentCell.Lstm ->
            let gates = fromInput + fromHidden
            let cell = gate 1 state

            let newCell = Expr.sigmoid (gate 1 gates) * cell + Expr.sigmoid (gate 0 gates) * Expr.tanh (gate 2 gates)

            Expr.concat -1 [ Expr.sigmoid (gate 3 gates) * Expr.tanh newCell; newCell ]

    let private requireState (layer: Recurrent) (batch: int) (state: Expr) =
        if state.Shape <> [| batch; layer.StateSize |] then
            Guard.fail
                (nameof state)
                $"The state has shape {Shape.print state.Shape}; it must be [{batch}, {layer.StateSize}]."

    /// The layer's output h [batch, hidden] in a state.
    let output (layer: Recurrent) (state: Expr) = Expr.slice -1 0 layer.Hidden state

    /// One step: x [batch, inputs] and a state [batch, StateSize] to the new state.
    let step (layer: Recurrent) (parameters: Parameters) (x: Expr) (state: Expr) : Expr =
        requireState layer x.Shape[0] state

        let fromInput =
            Expr.matmul x (Parameters.block "inputWeight" parameters) + Parameters.block "inputBias" parameters

        let hiddenWeight = Parameters.block "hiddenWeight" parameters
        advance layer hiddenWeight (Parameters.block "hiddenBias" parameters) fromInput state

    /// The states after each step.
    let private run (layer: Recurrent) parameters (x: Expr) state (keep: (int -> Expr -> Expr)) : Expr list =
        if x.Rank <> 3 || x.Shape[2] <> layer.Inputs || x.Shape[0] = 0 then
            Guard.fail (nameof x) $"x has shape {Shape.print x.Shape}; it must be [time ≥ 1, batch, {layer.Inputs}]."

        requireState layer x.Shape[1] state

        let fromInput =
            Expr.matmul x (Parameters.block "inputWeight" parameters) + Parameters.block "inputBias" parameters

        let hiddenWeight = Parameters.block "hiddenWeight" parameters
        let hiddenBias = Parameters.block "hiddenBias" parameters
        let at time = fromInput |> Expr.slice 0 time (time + 1) |> Expr.squeeze 0

        [ 0 .. x.Shape[0] - 1 ]
        |> List.scan (fun state time -> advance layer hiddenWeight hiddenBias (at time) (keep time state)) state
        |> List.tail

    let private outputs (layer: Recurrent) (states: Expr list) : struct (Expr * Expr) =
        struct (states |> List.map (output layer) |> Expr.stack 0, List.last states)

    let private runEpisodes (layer: Recurrent) (parameters: Parameters) (keep: Expr) (x: Expr) (state: Expr) =
        if x.Rank <> 3 || keep.Shape <> x.Shape[..1] then
            Guard.fail
                (nameof keep)
                ($"keep has shape {Shape.print keep.Shape} and x {Shape.print x.Shape}; "
                 + "they must be [time, batch] and [time, batch, inputs].")

        let factor time = keep |> Expr.slice 0 time (time + 1) |> Expr.reshape [| x.Shape[1]; 1 |]
        run layer parameters x state (fun time state -> factor time * state)

    /// All steps of x [time, batch, inputs] from a state [batch, StateSize]: struct (outputs [time, batch, hidden],
    /// last state).
    let unroll (layer: Recurrent) (parameters: Parameters) (x: Expr) (state: Expr) : struct (Expr * Expr) =
        run layer parameters x state (fun _ state -> state) |> outputs layer

    /// `unroll` over several episodes: the state is multiplied before step t by keep[t] [time, batch], 0 where an
    /// episode starts at t and 1 elsewhere, so that nothing is remembered across the border.
    let unrollEpisodes
        (layer: Recurrent)
        (parameters: Parameters)
        (keep: Expr)
        (x: Expr)
        (state: Expr)
        : struct (Expr * Expr) =
        runEpisodes layer parameters keep x state |> outputs layer

    /// The states [time, batch, StateSize] after each step of `unrollEpisodes`.
    let statesOfEpisodes (layer: Recurrent) (parameters: Parameters) (keep: Expr) (x: Expr) (state: Expr) : Expr =
        runEpisodes layer parameters keep x state |> Expr.stack 0
