/// The simplex method for small dense linear programs.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// What a linear program has.
type LinearProgramResult =
    /// A solution x, the multipliers y of the equations, and the largest c·x = b·y.
    | Optimal of solution: float[] * multipliers: float[] * value: float
    /// No x ≥ 0 solves the equations.
    | Infeasible
    /// c·x has no upper bound.
    | Unbounded

/// A tableau in two phases (Dantzig 1951; Bland's rule, 1977, once it takes long, so that it always ends).
[<RequireQualifiedAccess>]
module Simplex =

    /// Numbers below this are 0 to the pivots.
    [<Literal>]
    let private Zero = 1e-11

    /// Makes the pivot 1 and the rest of its column 0, in the rows and in both cost rows.
    let private pivot (tableau: float[][]) (costs: float[][]) (basis: int[]) row column =
        let scale = tableau[row][column]
        let pivotRow = tableau[row]

        for j in 0 .. pivotRow.Length - 1 do
            pivotRow[j] <- pivotRow[j] / scale

        let eliminate (target: float[]) =
            let factor = target[column]

            if factor <> 0.0 then
                for j in 0 .. target.Length - 1 do
                    target[j] <- target[j] - factor * pivotRow[j]

                target[column] <- 0.0

        for other in 0 .. tableau.Length - 1 do
            if other <> row then eliminate tableau[other]

        costs |> Array.iter eliminate
        basis[row] <- column

    /// The column that enters: the largest reduced cost, or with Bland's rule the first positive one; −1 at the
    /// optimum.
    let private entering (cost: float[]) columns bland =
        let mutable chosen = -1

        for j in 0 .. columns - 1 do
            if cost[j] > Zero && (chosen < 0 || not bland && cost[j] > cost[chosen]) then
                chosen <- j

        chosen

    /// The row that leaves: the smallest ratio, of equals the smallest basic variable; −1 if the column is unbounded.
    let private leaving (tableau: float[][]) (basis: int[]) column =
        let mutable chosen = -1
        let mutable smallest = infinity

        for row in 0 .. tableau.Length - 1 do
            if tableau[row][column] > Zero then
                let ratio = tableau[row][tableau[row].Length - 1] / tableau[row][column]

                if
                    ratio < smallest - 1e-14
                    || chosen >= 0 && abs (ratio - smallest) <= 1e-14 && basis[row] < basis[chosen]
                then
                    chosen <- row
                    smallest <- min smallest ratio

        chosen

    /// Pivots until the cost row has no positive entry among the first `columns`; false if it is unbounded.
    let private climb tableau costs (cost: float[]) basis columns =
        let patience = 20 * (Array.length tableau + columns)
        let mutable pivots = 0
        let mutable running = true
        let mutable bounded = true

        while running do
            match entering cost columns (pivots > patience) with
            | -1 -> running <- false
            | column ->
                match leaving tableau basis column with
                | -1 ->
                    bounded <- false
                    running <- false
                | row ->
                    pivot tableau costs basis row column
                    pivots <- pivots + 1

        bounded

    /// max c·x subject to A x = b, x ≥ 0, with c [n], A [m, n] row-major, b [m].
    let maximise (objective: float[]) (constraints: float[]) (right: float[]) : LinearProgramResult =
        let rows, columns = right.Length, objective.Length
        Guard.notEmpty (nameof right) rows
        Guard.notEmpty (nameof objective) columns
        Guard.length (nameof constraints) (rows * columns) constraints.Length
        Guard.finiteElements (nameof objective) objective
        Guard.finiteElements (nameof constraints) constraints
        Guard.finiteElements (nameof right) right
        // The pivots compare with fixed numbers, so the largest coefficient of each equation becomes 1 to 2 (by a power
        // of 2, which changes no digit), the largest cost and the largest right side 1.
        let rowUnits =
            Array.init rows (fun row ->
                let mutable largest = 0.0

                for column in 0 .. columns - 1 do
                    largest <- max largest (abs constraints[row * columns + column])

                if largest > 0.0 then Math.ScaleB(1.0, Math.ILogB largest) else 1.0)

        let constraints = constraints |> Array.mapi (fun index value -> value / rowUnits[index / columns])
        let right = right |> Array.mapi (fun row value -> value / rowUnits[row])
        let unit values = values |> Array.fold (fun largest value -> max largest (abs value)) 0.0
        let unitOf values = if unit values > 0.0 then unit values else 1.0
        let costUnit, rightUnit = unitOf objective, unitOf right
        let objective = objective |> Array.map (fun value -> value / costUnit)
        let right = right |> Array.map (fun value -> value / rightUnit)
        let width = columns + rows + 1
        let signs = right |> Array.map (fun value -> if value < 0.0 then -1.0 else 1.0)

        // One artificial variable a row makes the first basis.
        let tableau =
            Array.init rows (fun row ->
                Array.init width (fun j ->
                    if j < columns then signs[row] * constraints[row * columns + j]
                    elif j < columns + rows then (if j - columns = row then 1.0 else 0.0)
                    else signs[row] * right[row]))

        let basis = Array.init rows (fun row -> columns + row)

        // Phase 1 maximises minus the sum of the artificial variables: its reduced costs are the column sums.
        let feasibility =
            Array.init width (fun j ->
                if j >= columns && j < columns + rows then
                    0.0
                else
                    tableau |> Array.sumBy (fun row -> row[j]))

        let cost = Array.init width (fun j -> if j < columns then objective[j] else 0.0)
        let costs = [| feasibility; cost |]
        climb tableau costs feasibility basis columns |> ignore
        let scale = 1.0 + (right |> Array.sumBy abs)

        if feasibility[width - 1] > 1e-9 * scale then
            Infeasible
        else
            // An artificial variable that is left at 0 gives way to any real one; if there is none, its equation is
            // redundant.
            for row in 0 .. rows - 1 do
                if basis[row] >= columns then
                    match Seq.tryFind (fun j -> abs (tableau[row][j]) > 1e-9) (seq { 0 .. columns - 1 }) with
                    | Some column -> pivot tableau costs basis row column
                    | None -> ()

            if climb tableau costs cost basis columns then
                let solution = Array.zeroCreate columns

                basis
                |> Array.iteri (fun row column ->
                    if column < columns then solution[column] <- rightUnit * tableau[row][width - 1])

                let multipliers =
                    Array.init rows (fun row -> -signs[row] * costUnit * cost[columns + row] / rowUnits[row])

                Optimal(solution, multipliers, -costUnit * rightUnit * cost[width - 1])
            else
                Unbounded
