/// Matrices of parameters that each step of an optimiser leaves where they are to be.
namespace Rl.Core.Optimisers

open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks

/// What stands last in a chain: the update x becomes such that each matrix of θ + x is put back; other parameters move
/// by x. Where no parameters are known to be matrices it changes nothing.
[<RequireQualifiedAccess>]
module WeightConstraints =

    /// `place` makes of a matrix [r, c] after the step, and of what its [r · c] numbers of each variable were, struct
    /// (the matrix where it is to be, the new numbers).
    let private put (state: int -> StateVariable list) place : Transform =
        let update (matrices: MatrixPlace list) _ (x: Scaled) (state: Expr list) (theta: Expr) =
            let step = Scaled.toVector x

            let move (first, next, matrix: MatrixPlace option) =
                let cut = Expr.slice 0 first next

                match matrix with
                | Some matrix ->
                    let moved = Expr.reshape [| matrix.Rows; matrix.Columns |] (cut theta + cut step)
                    let struct (placed, kept) = place matrix moved (List.map cut state)
                    Expr.reshape [| next - first |] placed - cut theta, kept
                | None -> cut step, List.map cut state

            let pieces = MatrixPlace.pieces theta.Count matrices |> List.map move
            let join (parts: Expr list) = if parts.Length = 1 then parts.Head else Expr.concat 0 parts

            struct (Scaled.ofVector (join (List.map fst pieces)),
                    pieces |> List.map snd |> List.transpose |> List.map join)

        let without = { State = state; Update = (fun _ x state _ -> struct (x, state)); ForMatrices = None }

        { without with
            ForMatrices =
                Some(fun matrices -> if matrices.IsEmpty then without else { without with Update = update matrices })
        }

    /// Small against every length.
    [<Literal>]
    let private Epsilon = 1e-8

    /// The weights of each unit, a column of a dense layer's matrix or a row of a convolution's, have length 1, but for
    /// those that are all 0 (Lee et al. 2025, "Hyperspherical normalization for scalable deep reinforcement learning").
    let unitNorm: Transform =
        put (fun _ -> []) (fun matrix moved kept ->
            struct (UnitNorm.over (if matrix.UnitsAreRows then 1 else 0) Epsilon moved, kept))

    /// The name of the variable that holds a right singular vector of each matrix, in the matrix's first places.
    [<Literal>]
    let VectorName = "singularVectors"

    /// Iterations of each step. The vector goes on from one step to the next, between which weights move little.
    [<Literal>]
    let private Iterations = 3

    /// Each matrix is divided by its largest singular value, as far as power iterations that go on from step to step
    /// know it; one of zeros stays. A layer x ↦ x W + b stretches no difference by more than that value of W, so that
    /// what hidden layers say of neighbours stays near, and steps count the same however long they go on (Miyato et
    /// al., "Spectral normalization for generative adversarial networks", 2018, who divide within the layer; Gogianu et
    /// al., "Spectral normalisation for deep reinforcement learning: an optimisation perspective", 2021). Of a
    /// convolution it is the matrix of its kernels, a row an output.
    let spectralNorm: Transform =
        put (fun n -> [ { Name = VectorName; Shape = [| n |]; Initial = 1.0 } ]) (fun matrix moved kept ->
            let variable = List.exactlyOne kept
            let struct (size, vector) = SpectralNorm.iterate Iterations moved (Expr.slice 0 0 matrix.Columns variable)
            let isZero = Expr.equal size (Expr.number 0.0)

            let next =
                if matrix.Rows = 1 then
                    vector
                else
                    Expr.concat 0 [ vector; Expr.slice 0 matrix.Columns variable.Count variable ]

            struct (moved * Expr.select isZero (Expr.number 1.0) (Expr.reciprocal size), [ next ]))
